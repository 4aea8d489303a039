"""Target: two ends of a session behind a valid handshake, one or both of which say whatever the input tells them to.

A holder of the key can send any frames at all. What must hold: only the errors of the protocol come out, each end's
memory stays within what the settings allow, and once all is over every byte of it is given back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from fuzz.hand_made import hand_made_frame
from fuzz.source import Source
from tests.engine.hostile import forge
from tests.engine.world import End, World
from wormhole_tunnel.errors import HandshakeError, ProtocolError, RecordError
from wormhole_tunnel.limits import CONTROL_BUFFER, INITIAL_WINDOW, KIB
from wormhole_tunnel.session.buffers import BUFFER_SIZE, HEADROOM
from wormhole_tunnel.session.session import SessionSettings, SessionState
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

_SETTINGS: Final = SessionSettings(resume_timeout=30, resume_buffer=512 * KIB, window_pool=256 * KIB, max_streams=8)
_FRAMINGS: Final = tuple(FramingSpec(mode, 512, 500_000) for mode in FramingMode)
_TICK: Final = 0.001  # seconds that pass at the least, so that every play ends
_MOST_KEPT: Final = (
    _SETTINGS.resume_buffer + CONTROL_BUFFER + 8 * BUFFER_SIZE
)  # bytes at one end, with what is under way
_MOST_FRAMES: Final = 2 * HEADROOM  # bytes of frames by hand in one record, but for its DATA


class Play:
    """One input's world. Each operation reads its own details from the source."""

    def __init__(self, data: bytes) -> None:
        self.source = Source(data)
        framing = _FRAMINGS[self.source.below(len(_FRAMINGS))]
        self.world = World(framing=framing, settings=_SETTINGS, flush_delay=0.005, allow_exact=True)
        self.world.dial()
        if self.source.below(4):
            self.world.settle()
        self._deaf: set[End] = (
            set()
        )  # who said something by hand on this link: what it would make of answers is its own affair
        self._operations: tuple[Callable[[End], None], ...] = (
            self.say_frames,
            self.say_frames,
            self.say_anything,
            self.open,
            self.write,
            self.finish,
            self.reset,
            self.deliver,
            self.deliver_changed,
            self.let_time_pass,
            self.lose_link,
            self.stop_taking,
        )

    def run(self) -> None:
        """Until the input is used up, or an end has given the session up."""
        while not self.source.exhausted and not self.over:
            end = (self.world.client, self.world.server)[self.source.below(2)]
            operation = self._operations[self.source.below(len(self._operations))]
            try:
                operation(end)
            except ProtocolError as error:
                end.error = error
            self.check_memory()
        self.give_back()

    @property
    def over(self) -> bool:
        """Whether a shell would have ended the session."""
        ends = (self.world.client, self.world.server)
        return any(end.error is not None or (end.founded and end.session.state is SessionState.ENDED) for end in ends)

    @property
    def session_id(self) -> bytes:
        """The session's, once there is one."""
        client = self.world.client
        return client.session.identity.session_id if client.founded else bytes(16)

    def check_memory(self) -> None:
        """Both ends share one count of buffers."""
        assert self.world.buffers.used <= 2 * _MOST_KEPT, self.world.buffers.used
        for end in (self.world.client, self.world.server):
            if end.founded and not self.over:
                self._check_windows(end)

    def _check_windows(self, end: End) -> None:
        streams = end.session.streams.values()
        assert len(streams) <= _SETTINGS.max_streams
        assert sum(stream.window - INITIAL_WINDOW for stream in streams) <= _SETTINGS.window_pool
        for stream in streams:
            assert stream.received - stream.consumed <= stream.window

    def give_back(self) -> None:
        """Every session ends, also one that waits for its client while another was founded: nothing may be left."""
        self.world.cut()
        for session in self.world.host.sessions.values():
            session.end()
        if self.world.client.founded:
            self.world.client.session.end()
        assert self.world.buffers.used == 0, self.world.buffers.used

    # --- what an end that breaks the protocol may do ------------------------------------------------------------------

    def say_frames(self, end: End) -> None:
        """Well-formed frames, with any numbers in them."""
        said = b""
        while len(said) < _MOST_FRAMES and self.source.below(4):
            said += hand_made_frame(self.source, self.session_id)
        self._say(end, said)

    def say_anything(self, end: End) -> None:
        """A record of any bytes."""
        self._say(end, self.source.piece())

    def _say(self, end: End, payload: bytes) -> None:
        other = self.world.server if end is self.world.client else self.world.client
        if end.link is None or end.link._sealer is None or other.link is None:
            return
        self._deaf.add(end)
        self._carry(end, forge(end, payload))

    def _carry(self, end: End, said: bytes) -> None:
        """To the other end, if it listens."""
        other = self.world.server if end is self.world.client else self.world.client
        if other not in self._deaf and other.link is not None:
            other.receive(said)

    # --- what an honest end does --------------------------------------------------------------------------------------

    def open(self, _end: End) -> None:
        """A stream from the client."""
        client = self.world.client
        if client.founded and client.session.has_room:
            client.session.open_stream(self.world.now)

    def _stream(self, end: End) -> Stream | None:
        streams = list(end.session.streams.values()) if end.founded else []
        return streams[self.source.below(len(streams))] if streams else None

    def write(self, end: End) -> None:
        """Some data on a stream that may still send."""
        stream = self._stream(end)
        if stream is not None and not stream.send_finished:
            end.session.write(stream, memoryview(bytes(self.source.integer(2))))

    def finish(self, end: End) -> None:
        """The local socket's end."""
        if stream := self._stream(end):
            end.session.finish(stream)

    def reset(self, end: End) -> None:
        """The local socket's reset."""
        if stream := self._stream(end):
            end.session.reset(stream, ResetCode.RESET)

    def stop_taking(self, end: End) -> None:
        """Local sockets stop taking what is delivered, or begin again."""
        end.consume = not end.consume

    # --- what the network does ----------------------------------------------------------------------------------------

    def deliver(self, _end: End) -> None:
        """Everything that is due."""
        for end in (self.world.client, self.world.server):
            if said := end.output():
                self._carry(end, said)

    def deliver_changed(self, end: End) -> None:
        """What one end has to say, changed on its way: that costs the link, and never the session."""
        other = self.world.server if end is self.world.client else self.world.client
        said = end.output()
        if said:
            self._carry(end, self.source.changed(said))
            if isinstance(other.error, RecordError | HandshakeError):
                other.error = None
                self.world.cut()

    def let_time_pass(self, end: End) -> None:
        """Up to some seconds, in which both ends do what is due."""
        until = self.world.now + self.source.integer(1) / 8
        while self.world.now < until and not self.over:
            self.world.now = min(until, self._next_deadline())
            for each in (self.world.client, self.world.server):
                self._handle_deadline(each)
            self.deliver(end)

    def _next_deadline(self) -> float:
        links = [end.link for end in (self.world.client, self.world.server) if end.link is not None]
        deadlines = [link.next_deadline() or math.inf for link in links]
        return max(self.world.now + _TICK, min(deadlines, default=math.inf))

    def _handle_deadline(self, end: End) -> None:
        if end.link is not None:
            end.link.handle_deadline(self.world.now)
            end.drain(end.link)

    def lose_link(self, _end: End) -> None:
        """And dial the next."""
        self.world.cut()
        self._deaf.clear()
        self.world.redial()


def session(data: bytes) -> None:
    """See the module."""
    Play(data).run()
