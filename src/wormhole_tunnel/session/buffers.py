"""Record-sized buffers, recycled: allocating 256 KiB anew costs more in page faults than encrypting it.

The pool is last in, first out, so that the buffer handed out next is the one most likely in the processor's cache. It
keeps a bounded number of free buffers and counts what is in use.
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.limits import GIB, MAX_RECORD_WIRE, MIB

HEADROOM: Final = 96  # in front of a record's frames, for its link's: at most RESUMED, ACK, PONG and PING, 72 bytes
BUFFER_SIZE: Final = HEADROOM + MAX_RECORD_WIRE
_FREE_BYTES_KEPT: Final = 4 * MIB  # in each pool


class BufferPool:
    """Hands out writable views of `size` bytes. Their former content is still in them."""

    __slots__ = ("_free", "_most_free", "in_use", "size")

    def __init__(self, size: int = BUFFER_SIZE) -> None:
        self.size = size
        self._free: list[memoryview] = []
        self._most_free = _FREE_BYTES_KEPT // size
        self.in_use = 0

    def take(self) -> memoryview:
        """A buffer to own until `give`."""
        self.in_use += 1
        return self._free.pop() if self._free else memoryview(bytearray(self.size))

    def give(self, buffer: memoryview) -> None:
        """Take back a buffer that nobody reads any more."""
        self.in_use -= 1
        if len(self._free) < self._most_free:
            self._free.append(buffer)


class Buffers:
    """The memory for data under way that all links of a process share, at most about `limit` bytes.

    At the limit nothing new is taken on: no session, no connection, no larger window (`crowded`). Data of connections that
    are open is taken in until it reaches the limit by itself (`exhausted`): what waits for local sockets is bounded by
    windows already given, and a few that don't take it must not stop all others. What frees memory (acknowledgements,
    the link, the local sockets' taking) always goes on.
    """

    __slots__ = ("copied", "inbound", "limit", "records", "waiting")

    def __init__(self, limit: int = GIB) -> None:
        self.records = BufferPool()
        self.inbound = BufferPool(2 * BUFFER_SIZE)  # a whole record fits behind the rest of another
        self.copied = 0  # bytes kept outside of the pools
        self.waiting = 0  # bytes that wait for a local socket, or came from one before its stream was open
        self.limit = limit

    @property
    def under_way(self) -> int:
        """Bytes in use by links and sessions."""
        return self.records.in_use * BUFFER_SIZE + self.inbound.in_use * 2 * BUFFER_SIZE + self.copied

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self.under_way + self.waiting

    @property
    def exhausted(self) -> bool:
        """Whether links and sessions alone reach the limit: no data is taken in."""
        return self.under_way >= self.limit

    @property
    def crowded(self) -> bool:
        """Whether the limit is reached: nothing new is taken on."""
        return self.used >= self.limit
