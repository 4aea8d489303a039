"""Ephemeral keys from seeds, so that a handshake can be repeated byte for byte (but for the server's encapsulation)."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


@dataclass(frozen=True, slots=True)
class SeededKeys:
    """The same ephemeral keys each time: an X25519 private key of 32 bytes, an ML-KEM-768 seed of 64."""

    x25519_private: bytes = b"\x11" * 32
    mlkem_seed: bytes = b"\x22" * 64

    def x25519(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.x25519_private)

    def mlkem(self) -> MLKEM768PrivateKey:
        return MLKEM768PrivateKey.from_seed_bytes(self.mlkem_seed)
