"""HKDF with SHA-256 (RFC 5869), and what protocol 1 derives from a shared secret (docs/protocol.md, Keys)."""

from __future__ import annotations

import hmac
from typing import Final

HASH_SIZE: Final = 32

_SALT: Final = b"wormhole v1"
_PSK_INFO: Final = b"noise psk"
_HINT_INFO: Final = b"hint"


def hkdf_extract(salt: bytes, material: bytes) -> bytes:
    """HKDF-Extract: a pseudorandom key of 32 bytes."""
    return hmac.digest(salt, material, "sha256")


def hkdf_expand(prk: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand: `size` bytes, at most 8,160 (ValueError beyond: the block counter is one byte)."""
    if size > 255 * HASH_SIZE:
        raise ValueError("HKDF gives at most 8,160 bytes")
    output = block = b""
    number = 1
    while len(output) < size:
        block = hmac.digest(prk, block + info + bytes([number]), "sha256")
        output += block
        number += 1
    return output[:size]


def derive_psk_and_hint_key(secret: bytes) -> tuple[bytes, bytes]:
    """The Noise pre-shared key and the key of hint tags, 32 bytes each. Protocol 1 never uses the secret itself."""
    prk = hkdf_extract(_SALT, secret)
    return hkdf_expand(prk, _PSK_INFO, 32), hkdf_expand(prk, _HINT_INFO, 32)
