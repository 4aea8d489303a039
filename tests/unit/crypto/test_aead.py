"""Record ciphers: published vectors, the choice between them, and a self-test that can fail."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from wormhole_tunnel.crypto import aead
from wormhole_tunnel.crypto.aead import CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305, new_aead
from wormhole_tunnel.errors import HandshakeError, WormholeError

BOTH = pytest.mark.parametrize("cipher", [CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305])
KEY = bytes(range(32))
NONCE = bytes(12)
GCM_CASE_14 = bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")


def test_chacha20_poly1305_matches_rfc_8439() -> None:
    # RFC 8439, section 2.8.2
    text = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it."
    )
    cipher = new_aead(CIPHER_CHACHA20_POLY1305, bytes(range(0x80, 0xA0)))
    nonce = bytes.fromhex("070000004041424344454647")
    sealed = cipher.encrypt(nonce, text, bytes.fromhex("50515253c0c1c2c3c4c5c6c7"))
    assert sealed[:16].hex() == "d31a8d34648e60db7b86afbc53ef7ec2"
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"


def test_aes_256_gcm_matches_the_proposal_of_gcm() -> None:
    assert new_aead(CIPHER_AES_256_GCM, bytes(32)).encrypt(NONCE, bytes(16), None) == GCM_CASE_14


@BOTH
def test_what_is_sealed_into_a_buffer_opens_into_a_buffer(cipher: int) -> None:
    sealed, opened = bytearray(5 + 16), bytearray(5)
    assert new_aead(cipher, KEY).encrypt_into(NONCE, b"hello", None, sealed) == 21
    assert new_aead(cipher, KEY).decrypt_into(NONCE, sealed, None, opened) == 5
    assert opened == b"hello"


@BOTH
def test_a_changed_byte_does_not_verify(cipher: int) -> None:
    sealed = bytearray(new_aead(cipher, KEY).encrypt(NONCE, b"hello", None))
    sealed[0] ^= 1
    with pytest.raises(InvalidTag):
        new_aead(cipher, KEY).decrypt(NONCE, sealed, None)


@BOTH
@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_no_key_of_another_size_is_taken(cipher: int, size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        new_aead(cipher, bytes(size))


@pytest.mark.parametrize(("offered", "chosen"), [(1, 1), (2, 2), (3, 1), (0xFF, 1), (0x82, 2)])
def test_aes_is_chosen_first_and_unknown_bits_are_ignored(offered: int, chosen: int) -> None:
    assert aead.choose_cipher(offered) == chosen


@pytest.mark.parametrize("offered", [0, 4, 0xFC])
def test_an_offer_without_a_known_cipher_is_an_error(offered: int) -> None:
    with pytest.raises(HandshakeError, match="no record cipher"):
        aead.choose_cipher(offered)


def test_both_ciphers_are_offered() -> None:
    assert aead.supported_ciphers() == CIPHER_AES_256_GCM | CIPHER_CHACHA20_POLY1305


def test_self_test_passes() -> None:
    aead.self_test()


def test_self_test_notices_another_answer() -> None:
    with pytest.raises(WormholeError, match="self-test"):
        aead.check_aead(new_aead(CIPHER_AES_256_GCM, KEY), GCM_CASE_14)


class Forgiving:
    """A cipher that seals rightly and opens anything."""

    def __init__(self) -> None:
        self._real = new_aead(CIPHER_AES_256_GCM, bytes(32))

    def encrypt(self, nonce: aead.Buffer, data: aead.Buffer, associated_data: aead.Buffer | None) -> bytes:
        return self._real.encrypt(nonce, data, associated_data)

    def encrypt_into(
        self, nonce: aead.Buffer, data: aead.Buffer, associated_data: aead.Buffer | None, buf: aead.Buffer
    ) -> int:
        return self._real.encrypt_into(nonce, data, associated_data, buf)

    def decrypt(self, nonce: aead.Buffer, data: aead.Buffer, associated_data: aead.Buffer | None) -> bytes:
        del nonce, associated_data
        return bytes(len(data) - 16)

    def decrypt_into(
        self, nonce: aead.Buffer, data: aead.Buffer, associated_data: aead.Buffer | None, buf: aead.Buffer
    ) -> int:
        del nonce, data, associated_data
        memoryview(buf)[:] = bytes(len(buf))
        return len(buf)


def test_self_test_notices_a_cipher_that_checks_no_tag() -> None:
    with pytest.raises(WormholeError, match="self-test"):
        aead.check_aead(Forgiving(), GCM_CASE_14)
