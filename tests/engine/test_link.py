"""A link's other duties: bulk, pacing, the trace, its age, admission, and the end of a session."""

from __future__ import annotations

import random

import pytest

from tests.engine.hostile import open_pair
from tests.engine.world import World
from wormhole_tunnel.errors import FrameError, HandshakeError
from wormhole_tunnel.limits import (
    ACK_DELAY,
    HANDSHAKE_BURST_PER_KEY,
    HANDSHAKE_RATE_PER_KEY,
    LINK_MAX_BYTES,
    MAX_RECORD_WIRE,
    MIN_PACED_RECORD,
)
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.events import CloseAcknowledged, LinkAged
from wormhole_tunnel.session.host import HandshakeLimitedError
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.session.session import SessionSettings
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode


class Trace:
    """Notes the sizes of each record, as the log at `trace` does."""

    def __init__(self) -> None:
        self.sealed: list[tuple[int, int, int, int]] = []
        self.opened: list[tuple[int, int, int, int]] = []

    def record_sealed(self, number: int, plain: int, padded: int, wire: int, /) -> None:
        self.sealed.append((number, plain, padded, wire))

    def record_opened(self, number: int, plain: int, padded: int, wire: int, /) -> None:
        self.opened.append((number, plain, padded, wire))


def pump(world: World, stream: Stream, data: bytes) -> None:
    """Send all of it from the client, as the window opens."""
    view = memoryview(data)
    while view:
        sent = world.client.session.write(stream, view)
        view = view[sent:]
        world.settle()
        world.pass_time(0.001)


def test_bulk_arrives_whole_in_records_as_large_as_allowed() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    data = random.Random(3).randbytes(8_000_000)
    pump(world, mine, data)
    assert world.server.received(theirs).data == data
    assert max(size for _, size in world.client.sent) == MAX_RECORD_WIRE
    world.pass_time(1.0)
    assert world.buffers.used == 0


@pytest.mark.parametrize("timeout", [0, 120])
def test_what_is_acknowledged_is_not_kept(timeout: int) -> None:
    world = World(settings=SessionSettings(resume_timeout=timeout)).connect()
    mine, _ = open_pair(world)
    pump(world, mine, bytes(1_000_000))
    world.pass_time(0.1)
    assert len(world.client.session.outbound.retention) == 0
    assert world.buffers.used == 0


def test_a_slow_path_gets_smaller_records() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    pump(world, mine, bytes(2_000_000))
    link = world.client.link
    assert link is not None
    record = bytearray()
    for _ in range(20):
        record.clear()
        world.write(world.client, mine, bytes(MAX_RECORD_WIRE))
        while (pending := link.data_to_send(world.now)) is not None:
            piece = bytes(pending[:10_000])
            record += piece
            link.data_sent(len(piece))
            world.now += 0.010  # a megabyte a second
        world.server.receive(bytes(record))
        world.pass_time(ACK_DELAY + 0.01)
    assert link.pacer.size == MIN_PACED_RECORD
    assert len(record) < 2 * MIN_PACED_RECORD


def test_bulk_waits_when_the_path_holds_no_more() -> None:
    world = World()
    world.dial()
    link = world.client.link
    assert link is not None
    may_wait = [link.bulk_may_wait]  # no session yet
    world.settle()
    mine, _ = open_pair(world)
    pump(world, mine, bytes(1_000_000))
    world.pass_time(0.1)
    may_wait.append(link.bulk_may_wait)
    while world.write(world.client, mine, bytes(MAX_RECORD_WIRE)):
        world.client.output()
    may_wait.append(link.bulk_may_wait)
    assert may_wait == [False, False, True]


def test_closing_gives_back_what_the_socket_did_not_take() -> None:
    world = World(settings=SessionSettings(resume_timeout=0)).connect()
    mine, _ = open_pair(world)
    world.write(world.client, mine, bytes(60_000))
    link = world.client.link
    assert link is not None
    assert link.data_to_send(world.now) is not None
    link.data_sent(1000)
    assert world.buffers.records.in_use == 1
    link.close()
    assert world.buffers.used == 0


def test_the_trace_names_each_record_with_its_sizes() -> None:
    world = World()
    trace = Trace()
    world.dial()
    assert world.client.link is not None
    assert world.server.link is not None
    world.client.link.trace = world.server.link.trace = trace
    world.settle()
    mine, _ = open_pair(world)
    world.write(world.client, mine, b"seven b")
    sealed = len(trace.sealed)
    world.settle()
    number, plain, padded, wire = trace.sealed[sealed]
    assert plain >= 15
    assert (padded, wire) == (989, 1024)
    assert number == world.client.link.records_sent - 1
    assert (number, plain, padded, wire) in trace.opened


def test_a_link_s_age_is_said_once() -> None:
    world = World().connect()
    assert world.client.link is not None
    world.client.link.renew_at = world.now + 100
    world.pass_time(99)
    assert LinkAged() not in world.client.log
    world.pass_time(200)
    assert world.client.log.count(LinkAged()) == 1


def test_a_link_that_carried_much_is_old() -> None:
    world = World().connect()
    assert world.client.link is not None
    world.client.link.bytes_sent = LINK_MAX_BYTES
    world.pass_time(20)
    assert world.client.log.count(LinkAged()) == 1


def test_deadlines_come_no_sooner_than_a_link_says() -> None:
    world = World(flush_delay=0.005)
    world.dial()
    assert world.client.link is not None
    assert world.client.link.shortest_delay == pytest.approx(ACK_DELAY)
    world.settle()
    assert world.client.link.shortest_delay == pytest.approx(ACK_DELAY)


def test_handshakes_of_one_key_are_limited_and_go_on_at_the_allowed_rate() -> None:
    world = World()
    answered = 0
    while answered < 1000:
        world.dial()
        world.settle()
        if isinstance(world.server.error, HandshakeError):
            break
        answered += 1
    assert answered == HANDSHAKE_BURST_PER_KEY
    assert isinstance(world.server.error, HandshakeLimitedError)
    world.now += 1.01 / HANDSHAKE_RATE_PER_KEY
    world.dial()
    world.settle()
    assert len(world.host.sessions) == answered + 1


def test_a_link_says_who_has_shown_a_key_and_when_it_is_done() -> None:
    world = World()
    world.dial()
    client, server = world.client.link, world.server.link
    assert isinstance(client, ClientLink)
    assert isinstance(server, ServerLink)
    tagged = [server.tagged]
    world.settle()
    tagged.append(server.tagged)
    assert tagged == [False, True]
    assert not client.finished
    assert not server.finished


def test_without_a_link_nothing_is_taken_in_and_the_session_has_a_time_to_live() -> None:
    world = World(settings=SessionSettings(resume_timeout=60)).connect()
    mine, _ = open_pair(world)
    assert world.client.session.expires_at() is None
    world.cut()
    assert world.write(world.client, mine, b"not now") == 0
    assert not mine.blocked
    assert world.client.session.expires_at() == world.now + 60


def test_the_smaller_of_both_resume_timeouts_holds() -> None:
    world = World(settings=SessionSettings(resume_timeout=60), server_settings=SessionSettings(resume_timeout=30))
    world.connect()
    assert world.client.session.resume_timeout == world.server.session.resume_timeout == 30


def test_only_numbered_frames_are_counted() -> None:
    world = World().connect()
    with pytest.raises(FrameError, match="not a numbered frame"):
        world.client.session.receive_frame(frames.Ping(1), world.now)


def test_a_close_is_acknowledged_at_once() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.write(world.client, mine, b"last words")
    world.client.session.close(ResetCode.RESET)
    world.settle()
    assert world.client.log[-1] == CloseAcknowledged()


def test_streams_that_were_never_sent_can_be_taken_back() -> None:
    world = World().connect()
    known, _ = open_pair(world)
    world.client.sent.clear()
    unsent = [world.open(), world.open()]
    world.write(world.client, unsent[0], b"never to arrive")
    world.write(world.client, known, b"to arrive")
    assert world.client.session.withdraw_unsent() == unsent
    assert world.client.session.withdraw_unsent() == []
    world.settle()
    assert world.server.opened == [world.other(known)]
    assert world.server.received(known).data == b"to arrive"
    assert list(world.client.session.streams) == [known.id]


def test_streams_beyond_goaway_are_taken_back_as_draining() -> None:
    world = World().connect()
    kept, _ = open_pair(world)
    assert world.client.session.withdraw_excluded() == []
    world.server.session.go_away()
    goaway = world.server.output()
    crossing = world.open()
    to_server = world.client.output()
    world.client.receive(goaway)
    assert world.client.session.withdraw_excluded() == [crossing]
    world.server.receive(to_server)
    world.settle()
    assert world.server.received(crossing).reset is ResetCode.DRAINING
    assert list(world.client.session.streams) == [kept.id]
