"""Blocks: 1 to 255 bytes of data, the byte 0x80, zeros up to 256 bytes (the padding of ISO/IEC 7816-4).

A block without data would be well-formed padding, but the transport has no use for one and no peer sends it. It is
refused, so that every message that costs us an opening also brings data.
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.legacy.errors import LegacyPaddingError

BLOCK_SIZE: Final = 256  # bytes
MAX_DATA: Final = BLOCK_SIZE - 1  # bytes: the mark takes at least one
MARK: Final = 0x80
_MARK = bytes([MARK])


def pad(data: memoryview) -> bytes:
    """`data` cut into blocks of as much as fits, one after the other."""
    # Between two full pieces the mark is all of the padding.
    pieces = [data[start : start + MAX_DATA] for start in range(0, len(data), MAX_DATA)]
    return (_MARK.join(pieces) + _MARK).ljust(len(pieces) * BLOCK_SIZE, b"\0") if pieces else b""


def data_size(block: bytes | bytearray) -> int:
    """How many bytes of data a block has, 1 to 255.

    Raises LegacyPaddingError if there is no mark, or no data before it.
    """
    unpadded = block.rstrip(b"\0")
    if not unpadded or unpadded[-1] != MARK:
        raise LegacyPaddingError("a message has no 0x80 before its padding")
    if len(unpadded) == 1:
        raise LegacyPaddingError("a message has no data")
    return len(unpadded) - 1
