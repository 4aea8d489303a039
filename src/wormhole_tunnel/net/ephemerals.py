"""Ephemeral keys from the system's randomness, for real handshakes."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


class SystemKeyGenerator:
    """A `KeyGenerator`: each key is new."""

    def x25519(self) -> X25519PrivateKey:
        """A new X25519 key."""
        return X25519PrivateKey.generate()

    def mlkem(self) -> MLKEM768PrivateKey:
        """A new ML-KEM-768 key."""
        return MLKEM768PrivateKey.generate()
