"""Ephemeral keys from a counter, so that every run is the same."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


class SeededKeys:
    """A `KeyGenerator` whose keys are new each time and the same in each run."""

    def __init__(self) -> None:
        self._count = 0

    def _seed(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(self._count.to_bytes(8)).digest(size)

    def x25519(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self._seed(32))

    def mlkem(self) -> MLKEM768PrivateKey:
        return MLKEM768PrivateKey.from_seed_bytes(self._seed(64))
