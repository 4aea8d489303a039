"""The sending half of a session: frames are composed here, numbered, handed to the link, and kept until acknowledged.

Data is read from a local socket straight into the record being composed (`reserve`, `commit`), so that on its way to the
link it is touched twice: by the kernel's copy and by the encryption. In front of the frames there is room for the link's
own unnumbered ones (`HEADROOM`); behind them, for padding.

Control frames go behind what is composed already, or wait in a queue when the record has no room for them; while frames
wait, no data is taken, so that everything leaves in the order in which it was said.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Container
from typing import Final

from wormhole_tunnel.errors import FrameError
from wormhole_tunnel.limits import CONTROL_BUFFER
from wormhole_tunnel.session.buffers import HEADROOM, Buffers
from wormhole_tunnel.session.retention import Chunk, Retention
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import DATA_HEADER, pack_data_header_into
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.parser import frame_end, stream_of

_CONTROL_ROOM: Final = 64  # data leaves this much at a record's end for a FIN, so that it rides along
_ZEROS: Final = bytes(16 * 1024)


class Outbound:
    """Composes records' payloads and keeps their frames. `resume_buffer` in bytes; 0 keeps nothing."""

    __slots__ = (
        "_buffer",
        "_buffers",
        "_composed",
        "_end",
        "_framing",
        "_limit",
        "_most_retained",
        "_pool",
        "_queue",
        "_queued",
        "_resend",
        "_resume_buffer",
        "_sent_on_link",
        "next_number",
        "overflowed",
        "padding_bytes",
        "retention",
        "urgent",
    )

    def __init__(self, buffers: Buffers, framing: Framing, resume_buffer: int) -> None:
        self._buffers = buffers
        self._pool = buffers.records
        self._framing = framing
        self._resume_buffer = resume_buffer
        self._most_retained = resume_buffer or math.inf
        self._limit = framing.max_payload  # position in the buffer: HEADROOM is inside it
        self._buffer: memoryview | None = None
        self._end = HEADROOM
        self._composed = 0  # frames in the buffer
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._resend: deque[tuple[memoryview, int]] = deque()
        self._sent_on_link = 0  # frames below this number have left on the present link, or were acknowledged
        self.urgent = False
        self.overflowed = False  # more control frames than may wait: some are lost, and the session has to end
        self.retention = Retention(buffers)
        self.next_number = 0
        self.padding_bytes = 0

    @property
    def pending(self) -> bool:
        """Whether there is any numbered frame to send."""
        return self._composed > 0 or bool(self._resend) or bool(self._queue)

    @property
    def settled(self) -> bool:
        """Whether the peer has acknowledged every frame there was to send."""
        return not self.pending and self.retention.acknowledged == self.next_number

    @property
    def upcoming_number(self) -> int:
        """The number that the next frame said will have, if no frame before it is withdrawn."""
        return self.next_number + self._composed + len(self._queue)

    @property
    def composed_bytes(self) -> int:
        """Bytes of frames in the record being composed."""
        return self._end - HEADROOM

    @property
    def full(self) -> bool:
        """No more data fits, in this record or in what may be unacknowledged."""
        record_full = self._end + DATA_HEADER + _CONTROL_ROOM >= self._limit
        return record_full or bool(self._queue) or bool(self._resend) or self.retention.cost >= self._most_retained

    def limit_record(self, size: int) -> None:
        """Let records carry about `size` bytes from now on, so that none takes long on a slow path."""
        self._limit = min(self._framing.max_payload, size + HEADROOM + _CONTROL_ROOM)

    def reserve(self, stream: Stream, most: int) -> memoryview | None:
        """Where to read up to `most` bytes of the stream's data; None when the record, or its peer's window, is full."""
        if self._queue or self._resend or self.retention.cost >= self._most_retained:
            return None
        start = self._end + DATA_HEADER
        space = min(most, stream.send_limit - stream.sent, self._limit - _CONTROL_ROOM - start)
        if space <= 0:
            return None
        if self._buffer is None:
            if self._buffers.exhausted:
                return None
            self._buffer = self._pool.take()
        return self._buffer[start : start + space]

    def commit(self, stream: Stream, length: int) -> None:
        """`length` bytes were read into what `reserve` gave last, for the same stream."""
        assert self._buffer is not None
        pack_data_header_into(self._buffer, self._end, stream.id, length)
        self._end += DATA_HEADER + length
        self._composed += 1
        stream.sent += length

    def control(self, frame: bytes, urgent: bool = False) -> None:
        """Send a numbered frame; an urgent one flushes a buffered record. `overflowed` says when too many wait."""
        self.urgent = self.urgent or urgent
        if self._queue or self._end + len(frame) > self._limit:
            self._enqueue(frame)
        else:
            self._append(frame)

    def _enqueue(self, frame: bytes) -> None:
        if self._queued + len(frame) > CONTROL_BUFFER:
            self.overflowed = True
            return
        self._queued += len(frame)
        self._queue.append(frame)

    def _append(self, frame: bytes) -> None:
        if self._buffer is None:
            self._buffer = self._pool.take()
        end = self._end + len(frame)
        self._buffer[self._end : end] = frame
        self._end = end
        self._composed += 1

    def withdraw(self, streams: Container[int]) -> None:
        """Take back every frame of these streams that was never sealed."""
        self._queue = deque(frame for frame in self._queue if not _is_of(frame, 0, streams))
        self._queued = sum(map(len, self._queue))
        if self._buffer is not None:
            self._withdraw_composed(self._buffer, streams)

    def _withdraw_composed(self, buffer: memoryview, streams: Container[int]) -> None:
        start, kept = HEADROOM, HEADROOM
        composed = bytes(buffer[: self._end])
        self._composed = 0
        while start < self._end:
            end = frame_end(memoryview(composed), start)
            if not _is_of(composed, start, streams):
                buffer[kept : kept + end - start] = composed[start:end]
                kept += end - start
                self._composed += 1
            start = end
        self._end = kept

    def take_record(self, prefix: bytes, now: float) -> tuple[memoryview, memoryview | None]:
        """The next record's padded payload, and the buffer to `release` once it is sealed.

        `prefix` holds the link's own frames, at most `HEADROOM` bytes. What the record carries may be nothing else.
        """
        if self._resend:
            return self._take_resend(prefix)
        buffer = self._buffer if self._buffer is not None else self._pool.take()
        payload = self._pad(buffer, prefix, self._end)
        kept = self._number(buffer, now)
        self._buffer, self._end, self._composed, self.urgent = None, HEADROOM, 0, False
        self._drain_queue()
        return payload, None if kept else buffer

    def release(self, buffer: memoryview | None) -> None:
        """Take back what `take_record` gave, if it did."""
        if buffer is not None:
            self._pool.give(buffer)

    def _number(self, buffer: memoryview, now: float) -> bool:
        """Number the composed frames and keep them; tells whether the buffer is kept with them."""
        first = self.next_number
        self.next_number += self._composed
        self._sent_on_link = self.next_number
        if not self._composed or not self._resume_buffer:
            return False
        chunk = Chunk(buffer[HEADROOM : self._end], first, self.next_number, now, buffer)
        self.retention.keep(chunk)
        return chunk.owns_buffer

    def _drain_queue(self) -> None:
        while self._queue and self._end + len(self._queue[0]) <= self._limit:
            frame = self._queue.popleft()
            self._queued -= len(frame)
            self._append(frame)

    def _take_resend(self, prefix: bytes) -> tuple[memoryview, memoryview]:
        frames, self._sent_on_link = self._resend.popleft()
        buffer = self._pool.take()
        end = HEADROOM + len(frames)
        buffer[HEADROOM:end] = frames
        return self._pad(buffer, prefix, end), buffer

    def acknowledge(self, rx_next: int) -> Chunk | None:
        """The peer has every frame below `rx_next`; the newest record let go. Raises FrameError when it can't have."""
        if rx_next > self._sent_on_link:
            raise FrameError("an acknowledgement of frames that were not sent")
        if rx_next <= self.retention.acknowledged:
            return None
        return self.retention.acknowledge(rx_next)

    def resend(self, now: float) -> None:
        """Queue every unacknowledged frame again, for a new link; its acknowledgements count from here."""
        self._sent_on_link = self.retention.acknowledged
        self._resend = self.retention.resend(now)

    def clear(self) -> None:
        """Give all memory back: the session has ended."""
        self.retention.clear()
        self._resend.clear()
        self._queue.clear()
        self._queued = self._composed = 0
        self._end = HEADROOM
        self.release(self._buffer)
        self._buffer = None

    def _pad(self, buffer: memoryview, prefix: bytes, end: int) -> memoryview:
        """Put the prefix in front, zeros behind; the whole is the payload."""
        start = HEADROOM - len(prefix)
        buffer[start:HEADROOM] = prefix
        size = self._framing.padded(end - start)
        padding = start + size - end
        buffer[end : end + padding] = _ZEROS[:padding]
        self.padding_bytes += padding
        return buffer[start : start + size]


def _is_of(record: bytes, position: int, streams: Container[int]) -> bool:
    stream = stream_of(record, position)
    return stream is not None and stream in streams
