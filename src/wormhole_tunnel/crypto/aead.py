"""Record ciphers: AES-256-GCM and ChaCha20-Poly1305, both with 32-byte keys, 12-byte nonces and 16-byte tags.

The objects are those of `cryptography`, so that a record costs no wrapper call. Who uses them keeps three rules. A
nonce is always `NONCE_SIZE` bytes (AESGCM would take others). The output of `encrypt_into` never overlaps its input (it
could verify and be corrupt). What `decrypt_into` wrote before it raised `InvalidTag` was never authenticated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from wormhole_tunnel.errors import HandshakeError, WormholeError
from wormhole_tunnel.limits import TAG_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

CIPHER_AES_256_GCM: Final = 1
CIPHER_CHACHA20_POLY1305: Final = 2

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12

Buffer = bytes | bytearray | memoryview


class Aead(Protocol):
    """Authenticated encryption under one key; `InvalidTag` (of `cryptography`) when a tag does not verify."""

    def encrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, /) -> bytes:
        """The ciphertext, then the tag."""

    def decrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, /) -> bytes:
        """The plaintext of a ciphertext with its tag."""

    def encrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /) -> int:
        """Write ciphertext and tag to `buf`, exactly `len(data) + 16` bytes, none of them shared with `data`."""

    def decrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer, /) -> int:
        """Write the plaintext to `buf`, exactly `len(data) - 16` bytes, none of them shared with `data`."""


_CIPHERS: Final[dict[int, Callable[[bytes], Aead]]] = {
    CIPHER_AES_256_GCM: AESGCM,
    CIPHER_CHACHA20_POLY1305: ChaCha20Poly1305,
}

# 16 zero bytes sealed under a zero key and nonce. The first is test case 14 of the proposal of GCM (McGrew and Viega).
_KNOWN_ANSWERS: Final = {
    CIPHER_AES_256_GCM: bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    CIPHER_CHACHA20_POLY1305: bytes.fromhex("9f07e7be5551387a98ba977c732d080dc34a88047320f52aa2c6683ef8084d2f"),
}


def new_aead(cipher: int, key: bytes) -> Aead:
    """The cipher (`CIPHER_...`) under a key of 32 bytes. ValueError for another size, which would make it AES-128."""
    if len(key) != KEY_SIZE:
        raise ValueError("a record cipher needs a key of 32 bytes")
    return _CIPHERS[cipher](key)


def supported_ciphers() -> int:
    """The bitmap of ciphers to offer."""
    return CIPHER_AES_256_GCM | CIPHER_CHACHA20_POLY1305


def choose_cipher(offered: int) -> int:
    """The cipher to use of an offered bitmap, AES first; others are ignored. HandshakeError when none is known."""
    for cipher in _CIPHERS:
        if offered & cipher:
            return cipher
    raise HandshakeError("the peer offers no record cipher that is known here")


def self_test() -> None:
    """Check both ciphers by known answers, in the way records use them. WormholeError when one gives another."""
    for cipher, known_answer in _KNOWN_ANSWERS.items():
        check_aead(new_aead(cipher, bytes(KEY_SIZE)), known_answer)


def check_aead(aead: Aead, known_answer: bytes) -> None:
    """Check that 16 zero bytes, sealed under a zero nonce, give `known_answer`, open again, and don't once changed."""
    nonce = bytes(NONCE_SIZE)
    plaintext = bytes(len(known_answer) - TAG_SIZE)
    # Between guard bytes: records are parts of larger buffers.
    buffer = bytearray(len(known_answer) + 2)
    opened = bytearray(plaintext)
    sealed = memoryview(buffer)[1:-1]
    aead.encrypt_into(nonce, plaintext, None, sealed)
    aead.decrypt_into(nonce, sealed, None, opened)
    if buffer != b"\0" + known_answer + b"\0" or opened != plaintext or _accepts_forgery(aead, nonce, sealed, opened):
        raise WormholeError("the installed `cryptography` failed its self-test; install it again, then try again")


def _accepts_forgery(aead: Aead, nonce: bytes, sealed: memoryview, output: bytearray) -> bool:
    sealed[-1] ^= 1
    try:
        aead.decrypt_into(nonce, sealed, None, output)
    except InvalidTag:
        return False
    return True
