"""The two key agreements: equal secrets on both sides, and one error for whatever else comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.seeded import SeededKeys
from wormhole_tunnel.crypto import kem
from wormhole_tunnel.errors import HandshakeError

KEYS = SeededKeys()

# RFC 7748 needs the check for all of these (D. J. Bernstein, "Curve25519", validation of public keys).
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("public", SMALL_ORDER, ids=bytes.hex)
def test_a_public_key_of_small_order_is_refused(public: bytes) -> None:
    with pytest.raises(HandshakeError):
        kem.exchange(KEYS.x25519(), public)


@given(st.binary(max_size=40))
def test_exchange_gives_32_bytes_or_a_handshake_error(public: bytes) -> None:
    try:
        secret = kem.exchange(KEYS.x25519(), public)
    except HandshakeError:
        return
    assert len(public) == len(secret) == 32


def test_decapsulation_gives_the_secret_of_the_encapsulation() -> None:
    private = KEYS.mlkem()
    secret, ciphertext = kem.encapsulate(private.public_key().public_bytes_raw())
    assert kem.decapsulate(private, ciphertext) == secret
    assert (len(secret), len(ciphertext)) == (32, kem.KEM_CIPHERTEXT_SIZE)


def test_a_changed_ciphertext_gives_another_secret_and_no_error() -> None:
    private = KEYS.mlkem()
    secret, ciphertext = kem.encapsulate(private.public_key().public_bytes_raw())
    assert kem.decapsulate(private, bytes([ciphertext[0] ^ 1]) + ciphertext[1:]) != secret


@pytest.mark.parametrize("size", [0, 1087, 1089])
def test_a_ciphertext_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(HandshakeError):
        kem.decapsulate(KEYS.mlkem(), bytes(size))


@pytest.mark.parametrize(
    "public", [b"", bytes(1183), bytes(1185), b"\xff" * 1184], ids=["none", "short", "long", "modulus"]
)
def test_a_malformed_kem_key_is_refused(public: bytes) -> None:
    with pytest.raises(HandshakeError):
        kem.encapsulate(public)
