"""Record-sized buffers, recycled: allocating 256 KiB anew costs more in page faults than encrypting it.

The pool is last in, first out, so that the buffer handed out next is the one most likely in the processor's cache. It
keeps a bounded number of free buffers and counts what is in use.
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.limits import MAX_RECORD_WIRE

HEADROOM: Final = 96  # in front of a record's frames, for its link's: at most RESUMED, ACK, PONG and PING, 72 bytes
BUFFER_SIZE: Final = HEADROOM + MAX_RECORD_WIRE
_FREE_BUFFERS_KEPT: Final = 64


class BufferPool:
    """Hands out writable views of `size` bytes. Their former content is still in them."""

    __slots__ = ("_free", "in_use", "size")

    def __init__(self, size: int = BUFFER_SIZE) -> None:
        self.size = size
        self._free: list[memoryview] = []
        self.in_use = 0

    def take(self) -> memoryview:
        """A buffer to own until `give`."""
        self.in_use += 1
        return self._free.pop() if self._free else memoryview(bytearray(self.size))

    def give(self, buffer: memoryview) -> None:
        """Take back a buffer that nobody reads any more."""
        self.in_use -= 1
        if len(self._free) < _FREE_BUFFERS_KEPT:
            self._free.append(buffer)


class Buffers:
    """What the links of one process share: record-sized buffers, and larger ones to receive into."""

    __slots__ = ("inbound", "records")

    def __init__(self) -> None:
        self.records = BufferPool()
        self.inbound = BufferPool(2 * BUFFER_SIZE)  # a whole record fits behind the rest of another
