"""Plaintext frames that the peer has not acknowledged yet, kept so that they can be sealed anew on the next link.

Frames are kept as they were composed, one `Chunk` for each record. A small chunk is a copy of its own; a large one keeps
the buffer it was composed in, so that bulk data is never copied. A ciphertext is never kept: no AEAD state crosses links.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from wormhole_tunnel.session.buffers import BUFFER_SIZE, Buffers
from wormhole_tunnel.wire.parser import frame_end

_COPY_BELOW: Final = BUFFER_SIZE // 2  # a copied byte costs less than one pinned for nothing, up to about here
_CHUNK_OVERHEAD: Final = 512  # bytes, about what Python's objects around a copy take


class Chunk:
    """The reliable frames numbered `first` to `end` - 1, as they stood in one record. `sealed_at` is seconds."""

    __slots__ = ("_buffer", "cost", "delivered_before", "end", "first", "frames", "sealed_at")

    def __init__(self, frames: memoryview, first: int, end: int, sealed_at: float, buffer: memoryview) -> None:
        pinned = len(frames) >= _COPY_BELOW
        self.frames = frames if pinned else memoryview(bytes(frames))
        self._buffer = buffer if pinned else None
        self.cost = BUFFER_SIZE if pinned else len(frames) + _CHUNK_OVERHEAD
        self.first = first
        self.end = end
        self.sealed_at = sealed_at
        self.delivered_before = 0  # what the retention's count of bytes was when this left

    @property
    def owns_buffer(self) -> bool:
        """Whether the buffer the frames were composed in went over to the chunk."""
        return self._buffer is not None

    def frames_from(self, number: int) -> memoryview:
        """The frames from `number` on."""
        position = 0
        for _ in range(self.first, number):
            position = frame_end(self.frames, position)
        return self.frames[position:]

    def release(self, buffers: Buffers) -> None:
        """Give its memory back."""
        if self._buffer is not None:
            buffers.records.give(self._buffer)
        else:
            buffers.copied -= self.cost


class Retention:
    """What was sealed and not yet acknowledged, oldest first."""

    __slots__ = ("_buffers", "_chunks", "acknowledged", "cost", "delivered", "length")

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self._chunks: deque[Chunk] = deque()
        self.acknowledged = 0
        self.cost = 0  # bytes of memory held
        self.length = 0  # bytes of frames kept
        self.delivered = 0  # bytes of frames acknowledged so far

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def oldest(self) -> Chunk | None:
        """What has waited longest for its acknowledgement."""
        return self._chunks[0] if self._chunks else None

    def keep(self, chunk: Chunk) -> None:
        """Keep a record's frames until they are acknowledged."""
        chunk.delivered_before = self.delivered
        self._chunks.append(chunk)
        if not chunk.owns_buffer:
            self._buffers.copied += chunk.cost
        self.cost += chunk.cost
        self.length += len(chunk.frames)

    def acknowledge(self, rx_next: int) -> Chunk | None:
        """Let go of every chunk wholly below `rx_next`; returns the newest of them."""
        self.acknowledged = rx_next
        newest = None
        while self._chunks and self._chunks[0].end <= rx_next:
            newest = self._chunks.popleft()
            self.cost -= newest.cost
            self.length -= len(newest.frames)
            self.delivered += len(newest.frames)
            newest.release(self._buffers)
        return newest

    def resend(self, now: float) -> deque[tuple[memoryview, int]]:
        """Every kept frame that the peer has not, in order: for each record its frames and the number behind them."""
        for chunk in self._chunks:
            chunk.sealed_at, chunk.delivered_before = now, self.delivered
        return deque((chunk.frames_from(self.acknowledged), chunk.end) for chunk in self._chunks)

    def clear(self) -> None:
        """Give everything back: the session has ended."""
        while self._chunks:
            self._chunks.popleft().release(self._buffers)
        self.cost = self.length = 0
