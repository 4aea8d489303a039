"""A link: one TCP connection's worth of protocol, without the socket. Handshake, then records in both directions.

The shell asks where to receive (`receive_space`, `received`), drains `next_event`, and pulls output with `data_to_send`
whenever its socket can take some: what leaves next is decided as late as possible.

    HANDSHAKE --peer verified--> CONFIRMING --session attached--> UP
        any state --close, fence, a failed tag, a deadline--> CLOSED

`ClientLink` and `ServerLink` (client_link.py, server_link.py) differ in the first two states only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from enum import Enum, auto
from typing import Final, Protocol

from wormhole_tunnel import limits
from wormhole_tunnel.errors import FrameError, LinkTimeoutError, RecordError
from wormhole_tunnel.limits import KIB, RECORD_OVERHEAD
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.inbox import Inbox
from wormhole_tunnel.session.liveness import Liveness
from wormhole_tunnel.session.pacing import InFlightLimit, RecordPacer, Ticker
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.handshake import Established, FramingMode
from wormhole_tunnel.wire.parser import parse_data, parse_frame
from wormhole_tunnel.wire.records import RecordOpener, RecordSealer

_PADDING: Final = frames.PADDING  # names of this module: the hot path looks them up for each frame
_DATA: Final = frames.DATA
_SMALL_RECORD: Final = 16 * KIB  # sealed into bytes of its own: for so little a recycled buffer saves nothing


class RecordTrace(Protocol):
    """Who wants to know of each record, for the log at `trace`. Sizes in bytes."""

    def record_sealed(self, number: int, plain: int, padded: int, wire: int, /) -> None:
        """A record was sealed; `number` counts from 0."""

    def record_opened(self, number: int, plain: int, padded: int, wire: int, /) -> None:
        """A record was opened, and all its frames applied."""


class LinkState(Enum):
    """See the module."""

    HANDSHAKE = auto()
    CONFIRMING = auto()
    UP = auto()
    CLOSED = auto()


# As these; a member's own look-up costs 100 ns each time in Python 3.11.
_UP: Final = LinkState.UP
_CLOSED: Final = LinkState.CLOSED
_BUFFERED: Final = FramingMode.BUFFERED


class Link(ABC):
    """What both ends' links have in common. `now` is in seconds everywhere."""

    def __init__(self, buffers: Buffers, now: float, message_size: int) -> None:
        self.state = LinkState.HANDSHAKE
        self.established: Established | None = None
        self.session: Session | None = None
        self.liveness = Liveness(now)
        self.pacer = RecordPacer()
        self.in_flight = InFlightLimit()
        self.bytes_sent = 0
        self.bytes_received = 0
        self.records_sent = 0
        self.records_received = 0
        self.padding_bytes = 0
        self.trace: RecordTrace | None = None
        self.renew_at = math.inf  # set by the end that dials: when a successor with fresh keys is due
        self.aged = False
        self._buffers = buffers
        self.now = now
        self._events: deque[events.Event] = deque()
        self._message = memoryview(bytearray(message_size))  # the handshake message that is awaited
        self._message_end = 0
        self._stall_reported = False
        self._inbox: Inbox | None = None
        self._sealer: RecordSealer | None = None
        self._record: memoryview | None = None  # an opened payload whose frames are being applied
        self._position = 0
        self._first_frame_seen = False
        self._opening = b""  # the frame that must lead our next record: HELLO, RESUME, RESUMED, NOSESSION
        self._pending = memoryview(b"")  # bytes for the socket that it has not taken yet
        self._out: memoryview | None = None  # the buffer that `_pending` lies in
        self._sending: Framing | None = None
        self.shortest_delay = limits.ACK_DELAY  # no deadline arises sooner than in so many seconds, but by another one
        self._hold_until: float | None = None
        self._ticker: Ticker | None = None

    @property
    def finished(self) -> bool:
        """Nothing more will be said on this link: close its socket."""
        return False

    # --- receiving ------------------------------------------------------------------------------------------------------

    def receive_space(self) -> memoryview:
        """Where the shell's next `recv_into` goes, never empty; no more than the handshake needs before it is done."""
        return self._message[self._message_end :] if self._inbox is None else self._inbox.space()

    def received(self, length: int, now: float) -> None:
        """`length` bytes were received into `receive_space`."""
        self.now = now
        self.bytes_received += length
        self.liveness.heard_at = now
        if self._stall_reported:
            self._stall_reported = False
            self._events.append(events.LinkRevived())
        if self._inbox is None:
            self._message_end += length
        else:
            self._inbox.filled(length)

    def receive_data(self, data: memoryview, now: float) -> int:
        """Take a copy of as much of `data` as fits; returns how much. Drain `next_event` before the rest."""
        space = self.receive_space()
        length = min(len(space), len(data))
        space[:length] = data[:length]
        self.received(length, now)
        return length

    def next_event(self) -> events.Event | None:
        """The next thing that happened. Raises ProtocolError: close the link, and end the session unless it is a
        RecordError or HandshakeError, which a network can cause and which therefore end only the link.
        """
        while self.state is not _CLOSED:
            if self._events:
                return self._events.popleft()
            record = self._record
            if record is None:
                if not self._open_next_record():
                    break
                continue
            event = self._apply_next_frame(record)
            if event is not None:
                return event
        return None

    def _open_next_record(self) -> bool:
        if self._inbox is None:
            return self._message_end == len(self._message) and self._receive_message(bytes(self._message))
        if self.session is not None:
            self.session.check_bounds()
        self._record = self._inbox.next_record()
        self._position = 0
        if self._record is not None:
            self.records_received += 1
        return self._record is not None

    @abstractmethod
    def _receive_message(self, message: bytes) -> bool:
        """Take the peer's handshake message; tells whether to go on at once. Raises HandshakeError."""

    def _apply_next_frame(self, record: memoryview) -> events.Event | None:
        position = self._position
        code = record[position] if position < len(record) else _PADDING
        if code == _PADDING:
            self._finish_record(record)
            return None
        session = self.session
        if code == _DATA and session is not None:
            stream, start, self._position = parse_data(record, position)
            return session.receive_data(stream, record[start : self._position], self.now)
        frame, self._position = parse_frame(record, position)
        if not self._first_frame_seen:
            self._first_frame_seen = True
            return self._receive_first_frame(frame)
        if code >= frames.FIRST_RELIABLE and session is not None:
            return session.receive_frame(frame, self.now)
        return self._receive_link_frame(frame)

    def _finish_record(self, record: memoryview) -> None:
        if self.trace is not None:
            wire = len(record) + RECORD_OVERHEAD
            self.trace.record_opened(self.records_received - 1, self._position, len(record), wire)
        assert self._inbox is not None
        self._record = None
        self._inbox.record_applied()

    @abstractmethod
    def _receive_first_frame(self, frame: frames.Frame) -> events.Event | None:
        """Take the frame that decides which session runs on this link. Raises FrameError, HandshakeError, LimitError."""

    def _receive_link_frame(self, frame: frames.Frame) -> events.Event | None:
        """Frames that belong to the link and are not counted."""
        session = self.session
        match frame:
            case frames.Ack(rx_next) if session is not None:
                self._acknowledged(session, rx_next)
                if session.closing and session.outbound.settled:
                    return events.CloseAcknowledged()
            case frames.Ping(token):
                self.liveness.owe_pong(token)
            case frames.Pong(token):
                if self.liveness.receive_pong(token, self.now) and session is not None:
                    session.round_trip = self.liveness.round_trip
            case _:
                raise FrameError(f"{type(frame).__name__} where it is not allowed")
        return None

    def _acknowledged(self, session: Session, rx_next: int) -> None:
        """Let go of what arrived, and take the path's measure from how long it took."""
        outbound = session.outbound
        newest = outbound.acknowledge(rx_next)
        if newest is not None:
            session.fruitless_links = 0
            length = outbound.retention.delivered - newest.delivered_before
            seconds = self.now - newest.sealed_at
            outbound.limit_record(self.pacer.delivered(length, seconds))
            self.in_flight.delivered(length, seconds)

    @property
    def bulk_may_wait(self) -> bool:
        """Whether as much is under way as the path holds: more bulk data would only delay what comes behind it."""
        retention = self.session.outbound.retention if self.session is not None else None
        return retention is not None and retention.length >= self.in_flight.limit(self.liveness.shortest_round_trip)

    # --- sending --------------------------------------------------------------------------------------------------------

    def data_to_send(self, now: float) -> memoryview | None:
        """Bytes for the socket, or None. Say with `data_sent` how many it took; what is left is given again."""
        self.now = now
        if not self._pending and self._sealer is not None and self._record_is_due(now):
            self._seal_next_record(self._sealer, now)
        return self._pending or None

    def data_sent(self, length: int) -> None:
        """The socket took `length` bytes of what `data_to_send` gave."""
        self.bytes_sent += length
        self._pending = self._pending[length:]
        if self._pending:
            self.pacer.path_full()
        if not self._pending and self._out is not None:
            self._buffers.records.give(self._out)
            self._out = None

    def _seal_next_record(self, sealer: RecordSealer, now: float) -> None:
        prefix = self._prefix(now)
        session = self.session
        if session is None:
            self._seal_alone(sealer, prefix)
            return
        outbound = session.outbound
        padding_before = outbound.padding_bytes
        payload, buffer = outbound.take_record(prefix, now)
        self._seal(sealer, payload, outbound.padding_bytes - padding_before)
        outbound.release(buffer)
        self._hold_until = None

    def _seal_alone(self, sealer: RecordSealer, prefix: bytes) -> None:
        """A record of link frames only: no session runs on this link yet."""
        assert self._sending is not None
        payload = bytearray(self._sending.padded(len(prefix)))
        payload[: len(prefix)] = prefix
        self._seal(sealer, memoryview(payload), len(payload) - len(prefix))

    def _seal(self, sealer: RecordSealer, payload: memoryview, padding: int) -> None:
        if len(payload) <= _SMALL_RECORD:
            self._pending = memoryview(sealer.seal(payload))
        else:
            self._out = self._buffers.records.take()
            size = sealer.seal_into(payload, self._out)
            self._pending = self._out[:size]
        self.records_sent += 1
        self.padding_bytes += padding
        if self.trace is not None:
            self.trace.record_sealed(self.records_sent - 1, len(payload) - padding, len(payload), len(self._pending))

    def _record_is_due(self, now: float) -> bool:
        if self._ticker is not None or self.state is _CLOSED:
            return False
        session = self.session
        if session is not None and self.state is _UP:
            if session.outbound.pending and not self._held_back(session, now):
                return True
            deadline = session.ack_deadline
            if deadline is not None and now >= deadline:
                return True
        return bool(self._opening) or self.liveness.owes(now)

    def _held_back(self, session: Session, now: float) -> bool:
        """Buffered framing waits until a quantum is full or its delay has passed."""
        sending = self._sending
        if sending is None or sending.mode is not _BUFFERED or session.outbound.urgent:
            return False
        if sending.padded(session.outbound.composed_bytes) > sending.padded(0) or session.outbound.full:
            return False
        if self._hold_until is None:
            self._hold_until = now + sending.flush_delay
        return now < self._hold_until

    def _prefix(self, now: float) -> bytes:
        """The link's own frames for the next record; at most `HEADROOM` bytes."""
        opening, self._opening = self._opening, b""
        ack = self.session.take_ack(now) if self.session is not None and self.state is _UP else b""
        return opening + ack + self.liveness.take_frames(now)

    # --- time, ends -----------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called, in `now`'s seconds."""
        if self.state is LinkState.CLOSED:
            return None
        deadline = min(self.liveness.deadline(), self._suspect_at(), math.inf if self.aged else self.renew_at)
        if self._ticker is not None:
            return min(deadline, self._ticker.next_tick)
        if self._hold_until is not None:
            deadline = min(deadline, self._hold_until)
        if self.session is not None and self.session.ack_deadline is not None:
            deadline = min(deadline, self.session.ack_deadline)
        return deadline

    def _suspect_at(self) -> float:
        """When data will have been unacknowledged, without a byte heard, for long enough to dial a spare link."""
        oldest = self.session.outbound.retention.oldest if self.session is not None else None
        if self.session is None or oldest is None or self._stall_reported or self.state is not LinkState.UP:
            return math.inf
        return self.liveness.suspect_at(oldest.sealed_at, self.session.fruitless_links)

    def handle_deadline(self, now: float) -> None:
        """Raises LinkTimeoutError when the peer has been silent for too long; afterwards pull `data_to_send` as usual."""
        self.now = now
        if self.state is not LinkState.CLOSED and self.liveness.dead(now):
            raise LinkTimeoutError(self.liveness.reason(now))
        if now >= self._suspect_at():
            self._stall_reported = True
            self._events.append(events.LinkStalled())
        self._look_at_age(now)
        if self._ticker is not None and self._ticker.take(now):
            self._seal_on_tick(now)

    def _seal_on_tick(self, now: float) -> None:
        """Constant framing: records are sealed here and nowhere else, so that no other event can show in their times.

        While the socket has not taken the record before, the tick is lost.
        """
        ready = self.state in (LinkState.UP, LinkState.CONFIRMING)
        if ready and not self._pending and self._sealer is not None:
            self._seal_next_record(self._sealer, now)

    def _look_at_age(self, now: float) -> None:
        carried = self.bytes_sent + self.bytes_received
        if not self.aged and (now >= self.renew_at or carried >= limits.LINK_MAX_BYTES):
            self.aged = True
            self._events.append(events.LinkAged())

    def receive_eof(self, now: float) -> None:
        """The peer's TCP connection ended. Raises RecordError when that was in the middle of a record."""
        self.now = now
        if self._inbox is not None and self._inbox.partial:
            raise RecordError("the link was cut in the middle of a record")

    def fence(self) -> None:
        """Drop everything received and not applied, and apply nothing any more."""
        self.close()

    def close(self) -> None:
        """Give all buffers back. Idempotent."""
        self.state = LinkState.CLOSED
        self._record = None
        self._events.clear()
        self._pending = memoryview(b"")
        if self._inbox is not None:
            self._inbox.close()
        if self._out is not None:
            self._buffers.records.give(self._out)
            self._out = None

    def _start_records(self, established: Established, sending: Framing) -> None:
        """The handshake's secrets are there: records from now on, in both directions."""
        self.established = established
        self._sending = sending
        self.shortest_delay = min(limits.ACK_DELAY, sending.flush_delay or limits.ACK_DELAY)
        self._sealer = RecordSealer(established.cipher, established.send_secret)
        opener = RecordOpener(established.cipher, established.receive_secret)
        self._inbox = Inbox(self._buffers, opener)
        if sending.mode is FramingMode.CONSTANT:
            self._ticker = Ticker(sending.interval, self.now)
