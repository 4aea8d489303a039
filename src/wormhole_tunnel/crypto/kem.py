"""The two halves of the hybrid key agreement, X25519 and ML-KEM-768, where every bad input is a HandshakeError.

ML-KEM never fails on a changed ciphertext of the right size: the two sides then hold different secrets, which shows at
the next tag (FIPS 203, implicit rejection).
"""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from wormhole_tunnel.errors import HandshakeError

X25519_SIZE: Final = 32
KEM_PUBLIC_SIZE: Final = 1184
KEM_CIPHERTEXT_SIZE: Final = 1088


class KeyGenerator(Protocol):
    """Where ephemeral keys come from: the system's randomness, or a test's seeds. A key is used for one handshake."""

    def x25519(self) -> X25519PrivateKey:
        """A new X25519 key."""

    def mlkem(self) -> MLKEM768PrivateKey:
        """A new ML-KEM-768 key."""


def exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    """The X25519 secret, 32 bytes. HandshakeError for a public key of small order: it gives zero (RFC 7748, 6.1)."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise HandshakeError("an X25519 public key that gives no secret") from error


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """A new secret of 32 bytes and its ciphertext of 1,088. HandshakeError for a malformed public key.

    The one place where the core draws randomness: the library takes none from outside.
    """
    try:
        return MLKEM768PublicKey.from_public_bytes(public).encapsulate()
    except ValueError as error:
        raise HandshakeError("a malformed ML-KEM public key") from error


def decapsulate(private: MLKEM768PrivateKey, ciphertext: bytes) -> bytes:
    """The secret of a ciphertext, 32 bytes. HandshakeError when the ciphertext has another size than 1,088 bytes."""
    try:
        return private.decapsulate(ciphertext)
    except ValueError as error:
        raise HandshakeError("a malformed ML-KEM ciphertext") from error
