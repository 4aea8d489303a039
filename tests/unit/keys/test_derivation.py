"""HKDF against RFC 5869's vectors for SHA-256, and the derived keys against a formula written out."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.keys.derivation import derive_psk_and_hint_key, hkdf_expand, hkdf_extract

# RFC 5869, appendix A: material, salt, info, extracted key, output.
CASES = [
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("material", "salt", "info", "prk", "output"), CASES)
def test_rfc_5869(material: bytes, salt: bytes, info: bytes, prk: str, output: str) -> None:
    extracted = hkdf_extract(salt, material)
    assert extracted.hex() == prk
    assert hkdf_expand(extracted, info, len(output) // 2).hex() == output


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80), st.integers(1, 255 * 32))
def test_any_size_agrees_with_another_implementation(salt: bytes, material: bytes, info: bytes, size: int) -> None:
    expected = HKDF(SHA256(), size, salt or None, info).derive(material)
    assert hkdf_expand(hkdf_extract(salt, material), info, size) == expected


def test_more_than_255_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="8,160"):
        hkdf_expand(bytes(32), b"", 8161)


def test_psk_and_hint_key_are_those_of_the_specification() -> None:
    secret = bytes(range(32))
    prk = hmac.digest(b"wormhole v1", secret, hashlib.sha256)
    psk, hint_key = derive_psk_and_hint_key(secret)
    assert psk == hmac.digest(prk, b"noise psk\x01", hashlib.sha256)
    assert hint_key == hmac.digest(prk, b"hint\x01", hashlib.sha256)
