"""The receiving end of a link's record layer: bytes in, opened payloads out, in buffers that are recycled.

The socket reads straight into a buffer with room for two records; a payload is opened from there into another. Both go
back to the pool as soon as nothing is in them, so that an idle link holds neither.
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.limits import KIB, SEALED_LENGTH_SIZE, TAG_SIZE
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.wire.records import RecordOpener

_SMALL_RECORD: Final = 16 * KIB  # opened into bytes of its own: for so little a recycled buffer saves nothing


class Inbox:
    """Reassembles and opens records."""

    __slots__ = ("_buffer", "_buffers", "_end", "_length", "_opener", "_payload", "_start")

    def __init__(self, buffers: Buffers, opener: RecordOpener) -> None:
        self._buffers = buffers
        self._opener = opener
        self._buffer: memoryview | None = None
        self._payload: memoryview | None = None
        self._start = 0
        self._end = 0
        self._length: int | None = None  # of the record at `_start`, once its sealed length is opened

    @property
    def partial(self) -> bool:
        """Whether a record has begun and is not complete."""
        return self._end > self._start or self._length is not None

    def space(self) -> memoryview:
        """Where to receive next; never empty."""
        if self._buffer is None:
            self._buffer = self._buffers.inbound.take()
        return self._buffer[self._end :]

    def filled(self, length: int) -> None:
        """`length` bytes were received into `space`."""
        self._end += length

    def next_record(self) -> memoryview | None:
        """The next complete record's payload, valid until `record_applied`. Raises RecordError."""
        if self._buffer is None:
            return None
        if self._length is None and not self._open_length(self._buffer):
            self._make_room(self._buffer)
            return None
        assert self._length is not None
        end = self._start + self._length + TAG_SIZE
        if end > self._end:
            self._make_room(self._buffer)
            return None
        sealed = self._buffer[self._start : end]
        if self._length <= _SMALL_RECORD:
            payload = memoryview(self._opener.open_payload(sealed))
        else:
            self._payload = self._buffers.records.take()
            payload = self._opener.open_payload_into(sealed, self._payload)
        self._start = end
        self._length = None
        return payload

    def _open_length(self, buffer: memoryview) -> bool:
        end = self._start + SEALED_LENGTH_SIZE
        if end > self._end:
            return False
        self._length = self._opener.open_length(buffer[self._start : end])
        self._start = end
        return True

    def _make_room(self, buffer: memoryview) -> None:
        """Nothing complete is left: give the buffer back when it is empty, else move the rest to its front."""
        rest = self._end - self._start
        if rest == 0:
            self._buffers.inbound.give(buffer)
            self._buffer = None
        elif self._start >= len(buffer) // 2:
            buffer[:rest] = buffer[self._start : self._end]
        else:
            return
        self._start, self._end = 0, rest

    def record_applied(self) -> None:
        """The last payload has been read: its buffer may be used again."""
        if self._payload is not None:
            self._buffers.records.give(self._payload)
            self._payload = None

    def close(self) -> None:
        """Give both buffers back."""
        self.record_applied()
        if self._buffer is not None:
            self._buffers.inbound.give(self._buffer)
            self._buffer = None
        self._start = self._end = 0
        self._length = None
