"""A session: what outlives links. Streams, their windows, and the frames that still have to arrive.

Theory of operation. Both ends number the reliable frames they send and count those they apply. A frame counts as received
once it is applied here: its bytes have been handed to the stream's owner. The count goes back to the peer as ACK, and the
peer lets go of its copy. When a link breaks, nothing here changes; when the next one is up, both ends tell each other their
counts, everything above is sent again, and the streams never notice. `attach` and `detach` are the only places where a link
and a session meet.

    NEW --attach--> UP --detach--> DOWN --attach--> UP
                    any state --end--> ENDED   (CLOSE, expiry, a violation, revocation)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from wormhole_tunnel import limits
from wormhole_tunnel.errors import FrameError, LimitError
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.outbound import Outbound
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.framing import Framing

if TYPE_CHECKING:
    from wormhole_tunnel.session.link import Link


class SessionState(Enum):
    """See the module."""

    NEW = auto()
    UP = auto()
    DOWN = auto()
    ENDED = auto()


_UP: Final = SessionState.UP  # the hot path pays for a member's look-up each time (100 ns in Python 3.11)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What one end brings to a session: seconds, bytes, a number of streams."""

    resume_timeout: int = int(limits.RESUME_TIMEOUT)
    resume_buffer: int = limits.RESUME_BUFFER
    window_pool: int = limits.WINDOW_POOL
    max_streams: int = limits.MAX_STREAMS


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """Who a session is between: set at its founding, checked at every resumption. Sizes: 16 and 32 bytes."""

    session_id: bytes
    resume_key: bytes
    key_name: str
    instance: bytes
    sending: Framing
    receiving: Framing


class Session:
    """One end of a session. `client` tells which end opens streams."""

    def __init__(
        self, identity: SessionIdentity, settings: SessionSettings, buffers: Buffers, now: float, client: bool
    ) -> None:
        self.identity = identity
        self.settings = settings
        self.client = client
        self.state = SessionState.NEW
        self.link: Link | None = None
        self.generation = 0
        self.streams: dict[int, Stream] = {}
        resume_buffer = settings.resume_buffer if settings.resume_timeout else 0
        self.outbound = Outbound(buffers, identity.sending, resume_buffer)
        self.rx_next = 0
        self.peer_hello: frames.Hello | None = None
        self.peer_goaway: int | None = None
        self.down_since = now
        self.closing = False  # CLOSE was said
        self.late_frames = 0  # for streams that had ended
        self.round_trip = 0.0
        self.fruitless_links = 0  # how many have come up since the peer last acknowledged anything
        self._acknowledged_at = 0.0
        self._unacknowledged_bytes = 0
        self._ack_deadline: float | None = None
        self._highest_stream = 0
        self._buffers = buffers
        self._window_pool = settings.window_pool
        self._data_event: events.DataReceived | None = None

    # --- opening, ending ------------------------------------------------------------------------------------------------

    @property
    def resume_timeout(self) -> int:
        """Seconds a broken session waits: the smaller of both ends' wishes."""
        theirs = self.peer_hello.resume_timeout if self.peer_hello else self.settings.resume_timeout
        return min(self.settings.resume_timeout, theirs)

    @property
    def exhausted(self) -> bool:
        """No stream can be opened any more; a new session has to take over."""
        return self._highest_stream >= limits.MAX_STREAM_ID or self.peer_goaway is not None

    @property
    def has_room(self) -> bool:
        """Whether the peer's limit allows one more stream."""
        allowed = self.peer_hello.max_streams if self.peer_hello else limits.MAX_STREAMS
        return not self.exhausted and len(self.streams) < allowed

    def hello(self) -> bytes:
        """Our HELLO, the first frame on a new session."""
        mine = self.settings
        return frames.pack_hello(frames.Hello(0, mine.resume_timeout, limits.INITIAL_WINDOW, mine.max_streams))

    def receive_hello(self, hello: frames.Hello) -> None:
        """The peer's HELLO. Raises FrameError for a window smaller than what needs no announcement, or larger than any."""
        if not limits.INITIAL_WINDOW <= hello.initial_window <= limits.MAX_WINDOW:
            raise FrameError("HELLO announces a window out of bounds")
        self.peer_hello = hello

    def attach(self, link: Link) -> None:
        """Run on this link from now on."""
        self.link = link
        self.state = SessionState.UP
        self.fruitless_links += 1

    def detach(self, now: float) -> None:
        """The link is gone; wait for the next."""
        self.link = None
        self._ack_deadline = None
        if self.state is SessionState.UP:
            self.state = SessionState.DOWN
            self.down_since = now

    def fence(self, now: float) -> None:
        """Apply nothing more from the present link: what `rx_next` says now is final for it."""
        if self.link is not None:
            self.link.fence()
        self.detach(now)

    def end(self) -> None:
        """Give all memory back. The streams are left for their owners to reset."""
        self.state = SessionState.ENDED
        self.outbound.clear()

    def check_bounds(self) -> None:
        """Raises LimitError when more control frames wait for the link than may, whoever caused them."""
        if self.outbound.overflowed:
            raise LimitError("too many control frames wait for the link")

    def expires_at(self) -> float | None:
        """When a session without a link ends, in `now`'s seconds."""
        return self.down_since + self.resume_timeout if self.state is SessionState.DOWN else None

    # --- streams: what the shell asks for -------------------------------------------------------------------------------

    def open_stream(self, now: float, service: str = "", source: frames.SourceAddress | None = None) -> Stream:
        """A new stream (client). Its data may follow at once. Raises LimitError when the peer takes no more."""
        if not self.has_room:
            raise LimitError("the session takes no more streams")
        self._highest_stream += 1
        stream = self._add_stream(self._highest_stream, now)
        stream.open_number = self.outbound.upcoming_number
        self.outbound.control(frames.pack_open(stream.id, service, source))
        return stream

    def _add_stream(self, stream_id: int, now: float) -> Stream:
        initial = self.peer_hello.initial_window if self.peer_hello else limits.INITIAL_WINDOW
        stream = Stream(stream_id, initial, now)
        self.streams[stream_id] = stream
        return stream

    def accept(self, stream: Stream) -> None:
        """Say OPENED: the stream's upstream connection stands (server)."""
        if stream.id in self.streams:
            stream.opened = True
            self.outbound.control(frames.pack_opened(stream.id))

    def reserve(self, stream: Stream, most: int) -> memoryview | None:
        """Where to read the stream's next bytes; None when they have to wait (`stream.blocked` says: for credit)."""
        if stream.send_limit <= stream.sent:
            stream.blocked = True
            return None
        if self.state is not _UP:
            return None
        return self.outbound.reserve(stream, most)

    def commit(self, stream: Stream, length: int) -> None:
        """`length` bytes were read into what `reserve` gave."""
        self.outbound.commit(stream, length)

    def write(self, stream: Stream, data: memoryview) -> int:
        """Copy as much of `data` as may be sent now; returns how many bytes."""
        space = self.reserve(stream, len(data))
        if space is None:
            return 0
        space[:] = data[: len(space)]
        self.commit(stream, len(space))
        return len(space)

    def finish(self, stream: Stream) -> None:
        """The local socket has come to its end: say FIN behind all data."""
        if not stream.send_finished and stream.id in self.streams:
            stream.send_finished = True
            self.outbound.control(frames.pack_fin(stream.id, stream.sent), urgent=True)
            self._drop_if_finished(stream)

    def reset(self, stream: Stream, code: ResetCode) -> None:
        """End the stream in both directions with a reason; a stream that has ended already is left alone."""
        if self.streams.pop(stream.id, None) is not None:
            self._return_window(stream)
            self.outbound.control(frames.pack_rst(stream.id, code), urgent=True)

    def withdraw_unsent(self) -> list[Stream]:
        """Take back the streams whose OPEN was never sealed, so that nobody knows of them but we (client)."""
        unsent = [stream for stream in self.streams.values() if stream.open_number >= self.outbound.next_number]
        if unsent:
            self.outbound.withdraw({stream.id for stream in unsent})
        for stream in unsent:
            del self.streams[stream.id]
            self._return_window(stream)
        return unsent

    def withdraw_excluded(self) -> list[Stream]:
        """Take back the streams that the peer's GOAWAY leaves out: it accepts them no more (client)."""
        last = self.peer_goaway
        excluded = [] if last is None else [stream for stream in self.streams.values() if stream.id > last]
        for stream in excluded:
            self.reset(stream, ResetCode.DRAINING)
        return excluded

    def go_away(self) -> None:
        """Accept no further stream: the peer opens them elsewhere. One that is under way is to be reset as draining."""
        self.outbound.control(frames.pack_goaway(self._highest_stream), urgent=True)

    def close(self, code: ResetCode) -> None:
        """Say CLOSE, behind all else; `CloseAcknowledged` follows."""
        self.closing = True
        self.outbound.control(frames.pack_close(code), urgent=True)

    def consumed(self, stream: Stream, length: int, now: float) -> bool:
        """The local socket has taken `length` bytes: give the peer new credit when half of the window is used.

        Tells whether a frame that says so waits to be sent.
        """
        if not stream.consume(length) or stream.id not in self.streams:
            return False
        pool = 0 if self._buffers.crowded else self._window_pool
        growth = min(stream.wanted_growth(now, self.round_trip), pool)
        self._window_pool -= growth
        self.outbound.control(frames.pack_window(stream.id, stream.raise_window(growth, now)))
        return True

    def _drop_if_finished(self, stream: Stream) -> None:
        if stream.finished:
            del self.streams[stream.id]
            self._return_window(stream)

    def _return_window(self, stream: Stream) -> None:
        self._window_pool += stream.window - limits.INITIAL_WINDOW

    # --- frames from the peer -------------------------------------------------------------------------------------------

    def receive_data(self, stream_id: int, data: memoryview, now: float) -> events.DataReceived | None:
        """Apply DATA. Raises FrameError, FlowControlError."""
        length = len(data)
        self._count(length, now)
        stream = self.streams.get(stream_id)
        if stream is None:
            self._check_known(stream_id)
            return None
        stream.receive(length)
        event = self._data_event
        if event is None:
            event = self._data_event = events.DataReceived(stream, data)
        event.stream = stream
        event.data = data
        return event

    def receive_frame(self, frame: frames.Frame, now: float) -> events.Event | None:
        """Apply any other numbered frame. Raises FrameError, LimitError."""
        self._count(0, now)
        match frame:
            case frames.Open():
                return self._receive_open(frame, now)
            case frames.GoAway(last_stream):
                self.peer_goaway = last_stream
                return events.GoingAway(last_stream)
            case frames.Close(code):
                self._ack_deadline = now
                self._acknowledged_at = -math.inf  # this acknowledgement is waited for
                return events.SessionClosed(code)
            case frames.Opened(stream_id) | frames.Fin(stream_id) | frames.Rst(stream_id) | frames.Window(stream_id):
                stream = self.streams.get(stream_id)
                if stream is None:
                    self._check_known(stream_id)
                    return None
                return self._receive_for_stream(stream, frame)
            case _:
                raise FrameError(f"{type(frame).__name__} is not a numbered frame")

    def _receive_open(self, frame: frames.Open, now: float) -> events.Event:
        if self.client:
            raise FrameError("OPEN from a server proxy")
        if not self._highest_stream < frame.stream <= limits.MAX_STREAM_ID:
            raise FrameError(f"OPEN of stream {frame.stream}, which is not a new one")
        if len(self.streams) >= self.settings.max_streams:
            raise LimitError("the peer opened more streams than it was allowed")
        self._highest_stream = frame.stream
        stream = self._add_stream(frame.stream, now)
        stream.service = frame.service
        stream.source = frame.source
        return events.StreamOpened(stream)

    def _receive_for_stream(self, stream: Stream, frame: frames.Frame) -> events.Event | None:
        match frame:
            case frames.Opened():
                if not self.client or stream.opened:
                    raise FrameError(f"OPENED of stream {stream.id}, which does not wait for it")
                stream.opened = True
                return events.StreamAccepted(stream)
            case frames.Fin(_, final_offset):
                stream.receive_fin(final_offset)
                self._drop_if_finished(stream)
                return events.StreamFinished(stream)
            case frames.Rst(_, code):
                del self.streams[stream.id]
                self._return_window(stream)
                return events.StreamReset(stream, code)
            case frames.Window(_, limit) if stream.receive_window(limit):
                return events.StreamWritable(stream)
        return None

    def _check_known(self, stream_id: int) -> None:
        """A frame for a stream that has ended crossed an RST; one for a stream that never was is a violation."""
        if stream_id > self._highest_stream or stream_id == 0:
            raise FrameError(f"a frame for stream {stream_id}, which was never opened")
        self.late_frames += 1

    # --- acknowledgement ------------------------------------------------------------------------------------------------

    def _count(self, size: int, now: float) -> None:
        self.rx_next += 1
        self._unacknowledged_bytes += size
        if self._ack_deadline is None:
            self._ack_deadline = now + limits.ACK_DELAY
        if self._unacknowledged_bytes >= limits.ACK_BYTES:
            self._ack_deadline = now

    @property
    def ack_deadline(self) -> float | None:
        """When an acknowledgement has to leave, if nothing has taken it along by then."""
        return self._ack_deadline

    def take_ack(self, now: float) -> bytes:
        """The ACK frame to put into the next record; none right after another, unless much has come meanwhile."""
        if self._ack_deadline is None:
            return b""
        if now < self._acknowledged_at + limits.ACK_DELAY / 2 and self._unacknowledged_bytes < limits.ACK_BYTES // 2:
            return b""
        self._acknowledged_at = now
        self._unacknowledged_bytes = 0
        self._ack_deadline = None
        return frames.pack_ack(self.rx_next)

    def resume_from(self, rx_next: int, now: float) -> None:
        """The peer has every frame below `rx_next`: send all others again.

        Raises FrameError when it can't be so, LimitError when frames were lost meanwhile (`check_bounds`).
        """
        self.check_bounds()
        if not self.outbound.retention.acknowledged <= rx_next <= self.outbound.next_number:
            raise FrameError("the peer claims frames that were not sent, or forgot some it had")
        if rx_next > self.outbound.retention.acknowledged:
            self.fruitless_links = 0
        self.outbound.retention.acknowledge(rx_next)
        self.outbound.resend(now)
        self._ack_deadline = None  # RESUME or RESUMED has said it
        self._unacknowledged_bytes = 0

    def take_streams(self) -> Iterator[Stream]:
        """Remove every stream, for their owners to reset: the session is lost."""
        while self.streams:
            yield self.streams.popitem()[1]
