"""Any operations in any order, any pieces on the wire: each stream's bytes once, in order, with their true ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.engine.world import End, World
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

MODES = {
    FramingMode.PADDED: FramingSpec(FramingMode.PADDED, 64),
    FramingMode.BUFFERED: FramingSpec(FramingMode.BUFFERED, 1024),
    FramingMode.EXACT: FramingSpec(FramingMode.EXACT, 1024),
    FramingMode.CONSTANT: FramingSpec(FramingMode.CONSTANT, 512, 5000),
}


@dataclass
class Half:
    """What one end has said on a stream."""

    written: bytearray = field(default_factory=bytearray)
    finished: bool = False
    taken: int = 0  # bytes the other end's local socket has taken


@dataclass
class Talk:
    """A stream from outside: both ends' halves, and whether anybody has reset it."""

    mine: Stream
    halves: tuple[Half, Half] = field(default_factory=lambda: (Half(), Half()))
    reset: bool = False


class Tunnel(RuleBasedStateMachine):
    """Two ends, a wire that delivers any number of bytes at a time, and a model of what has to arrive."""

    @initialize(mode=st.sampled_from(FramingMode))
    def start(self, mode: FramingMode) -> None:
        self.world = World(framing=MODES[mode], flush_delay=0.005, allow_exact=True).connect()
        self.world.pass_time(0.05)
        self.world.client.consume = self.world.server.consume = False
        self.talks: list[Talk] = []
        self.under_way = {self.world.client: b"", self.world.server: b""}

    def ends(self) -> tuple[End, End]:
        return self.world.client, self.world.server

    def stream_at(self, talk: Talk, side: int) -> Stream | None:
        if side == 0:
            return talk.mine
        known = [stream for stream in self.world.server.opened if stream.id == talk.mine.id]
        return known[0] if known else None

    def pick(self, data: st.DataObject) -> tuple[Talk, int, Stream | None]:
        talk = data.draw(st.sampled_from(self.talks))
        side = data.draw(st.integers(0, 1))
        return talk, side, self.stream_at(talk, side)

    @rule()
    def open(self) -> None:
        self.talks.append(Talk(self.world.open()))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), payload=st.binary(max_size=300), times=st.integers(1, 400))
    def write(self, data: st.DataObject, payload: bytes, times: int) -> None:
        talk, side, stream = self.pick(data)
        if stream is None or talk.halves[side].finished or talk.reset:
            return
        piece = payload * times
        taken = self.world.write(self.ends()[side], stream, piece)
        talk.halves[side].written += piece[:taken]

    @precondition(lambda self: self.talks)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        talk, side, stream = self.pick(data)
        if stream is not None and not talk.reset:
            self.ends()[side].session.finish(stream)
            talk.halves[side].finished = True

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), code=st.sampled_from(ResetCode))
    def reset(self, data: st.DataObject, code: ResetCode) -> None:
        talk, side, stream = self.pick(data)
        if stream is not None and stream.id in self.ends()[side].session.streams:
            self.ends()[side].session.reset(stream, code)
            talk.reset = True

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), share=st.integers(1, 3))
    def take(self, data: st.DataObject, share: int) -> None:
        """The local socket at the other end takes some of what it was given."""
        _, side, stream = self.pick(data)
        if stream is None:
            return
        waiting = stream.received - stream.consumed
        self.ends()[side].session.consumed(stream, waiting // share, self.world.now)

    @rule(side=st.integers(0, 1), size=st.integers(1, 5000))
    def deliver(self, side: int, size: int) -> None:
        self.collect()
        sender, receiver = self.ends()[side], self.ends()[1 - side]
        piece, self.under_way[sender] = self.under_way[sender][:size], self.under_way[sender][size:]
        if piece:
            receiver.receive(piece)

    @rule(seconds=st.sampled_from([0.001, 0.006, 0.03, 1.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds
        self.world._handle_deadlines()
        self.collect()

    def collect(self) -> None:
        for end in self.ends():
            self.under_way[end] += end.output()

    @invariant()
    def what_arrived_is_a_prefix_of_what_was_sent(self) -> None:
        for end in self.ends() if hasattr(self, "world") else ():
            assert end.error is None, end.error
        for talk in getattr(self, "talks", []):
            self.check(talk)

    def check(self, talk: Talk) -> None:
        for side, half in enumerate(talk.halves):
            received = self.ends()[1 - side].received(talk.mine)
            assert half.written.startswith(received.data)
            if received.finished:
                assert half.finished
                assert received.data == half.written

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for end in self.ends():
            end.consume = True
        self.take_all()
        for _ in range(3000):
            self.wait(0.006)
            self.deliver(0, 10**9)
            self.deliver(1, 10**9)
            if not self.busy():
                break
        for talk in self.talks:
            self.check_end(talk)

    def take_all(self) -> None:
        for end in self.ends():
            for stream in end.session.streams.values():
                end.session.consumed(stream, stream.received - stream.consumed, self.world.now)

    def busy(self) -> bool:
        return any(self.under_way.values()) or any(
            end.session.outbound.pending or len(end.session.outbound.retention) for end in self.ends()
        )

    def check_end(self, talk: Talk) -> None:
        """Everything has arrived, unless somebody reset the stream."""
        if talk.reset:
            return
        for side, half in enumerate(talk.halves):
            received = self.ends()[1 - side].received(talk.mine)
            assert received.data == half.written
            assert received.finished == half.finished
            assert received.reset is None


TestTunnel = Tunnel.TestCase
TestTunnel.settings = settings(stateful_step_count=40)


@pytest.mark.parametrize("mode", [FramingMode.PADDED, FramingMode.EXACT])
@given(payload=st.binary(min_size=1, max_size=2000), cuts=st.lists(st.integers(0, 10_000), max_size=30))
def test_any_chunking_of_a_whole_conversation(mode: FramingMode, payload: bytes, cuts: list[int]) -> None:
    world = World(framing=MODES[mode], allow_exact=True).connect()
    stream = world.open()
    world.write(world.client, stream, payload)
    world.client.session.finish(stream)
    wire = world.client.output()
    edges = sorted({0, len(wire), *(cut % len(wire) for cut in cuts)})
    for start, end in pairwise(edges):
        world.server.receive(wire[start:end])
    assert world.server.received(stream).data == payload
    assert world.server.received(stream).finished


def test_byte_by_byte_from_the_first_to_the_last() -> None:
    world = World()
    world.dial()
    for _ in range(6):
        to_server, to_client = world.client.output(), world.server.output()
        for byte in to_server:
            world.server.receive(bytes([byte]))
        for byte in to_client:
            world.client.receive(bytes([byte]))
        world.now += 0.001
    stream = world.open()
    world.write(world.client, stream, b"byte by byte")
    for byte in world.client.output():
        world.server.receive(bytes([byte]))
    assert world.server.received(stream).data == b"byte by byte"
