"""A session at its edges: the last byte of credit, the largest window, full memory, and what leaves at once."""

from __future__ import annotations

import pytest

from tests.engine.hostile import open_pair
from tests.engine.world import World
from wormhole_tunnel.errors import FrameError
from wormhole_tunnel.limits import ACK_BYTES, ACK_DELAY, INITIAL_WINDOW, MAX_WINDOW, MIB
from wormhole_tunnel.session.events import SessionClosed
from wormhole_tunnel.session.session import Session, SessionSettings
from wormhole_tunnel.wire.frames import Hello, ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec
from wormhole_tunnel.wire.parser import parse_frame


def test_a_new_session_has_measured_and_received_nothing() -> None:
    world = World().connect()
    other = world.client.session
    session = Session(other.identity, SessionSettings(), world.buffers, world.now, client=True)
    assert (session.round_trip, session.fruitless_links, session.late_frames, session.rx_next) == (0.0, 0, 0, 0)
    assert session.ack_deadline is None
    assert session.take_ack(world.now) == b""


def test_hello_asks_for_no_feature_and_names_what_the_settings_say() -> None:
    world = World().connect()
    settings = SessionSettings(resume_timeout=7, max_streams=9)
    session = Session(world.client.session.identity, settings, world.buffers, world.now, client=True)
    hello, _ = parse_frame(memoryview(session.hello()), 0)
    assert hello == Hello(0, 7, INITIAL_WINDOW, 9)


@pytest.mark.parametrize(
    ("window", "allowed"),
    [(INITIAL_WINDOW - 1, False), (INITIAL_WINDOW, True), (MAX_WINDOW, True), (MAX_WINDOW + 1, False)],
)
def test_the_bounds_of_a_peers_window(window: int, allowed: bool) -> None:
    session = World().connect().client.session
    hello = Hello(0, 60, window, 10)
    if allowed:
        session.receive_hello(hello)
        assert session.peer_hello == hello
    else:
        with pytest.raises(FrameError, match="window"):
            session.receive_hello(hello)


@pytest.mark.parametrize(
    ("after", "size", "said"),
    [
        (0.49 * ACK_DELAY, 1, False),
        (0.51 * ACK_DELAY, 1, True),
        (0.01 * ACK_DELAY, ACK_BYTES // 2 - 1, False),
        (0.01 * ACK_DELAY, ACK_BYTES // 2, True),
    ],
)
def test_an_acknowledgement_does_not_follow_another_unless_much_has_come(after: float, size: int, said: bool) -> None:
    world = World().connect()
    _, theirs = open_pair(world)
    theirs.raise_window(MIB, world.now)
    session, now = world.server.session, world.now + 1.0
    session.receive_data(theirs.id, memoryview(b"1"), now)
    assert session.take_ack(now)
    assert session.take_ack(now + 1.0) == b"", "everything has been acknowledged"
    session.receive_data(theirs.id, memoryview(bytes(size)), now + after)
    assert bool(session.take_ack(now + after)) is said


def test_the_last_byte_of_credit_can_be_used() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.server.consume = False
    assert world.write(world.client, mine, bytes(INITIAL_WINDOW - 1)) == INITIAL_WINDOW - 1
    assert world.write(world.client, mine, b"xy") == 1
    assert world.write(world.client, mine, b"y") == 0
    assert mine.blocked


def test_a_stream_counts_as_open_where_it_was_accepted() -> None:
    world = World().connect()
    world.server.accept = False
    mine = world.open()
    world.settle()
    theirs = world.other(mine)
    assert (mine.opened, theirs.opened) == (False, False)
    world.server.session.accept(theirs)
    world.settle()
    assert (mine.opened, theirs.opened) == (True, True)


def test_no_window_grows_or_shrinks_while_the_memory_is_full() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    for waiting, window in ((world.buffers.limit, INITIAL_WINDOW), (0, 4 * INITIAL_WINDOW)):
        world.buffers.waiting = waiting
        world.write(world.client, mine, bytes(INITIAL_WINDOW))
        world.settle()
        assert theirs.window == window
        assert mine.credit == window


def test_close_does_not_wait_for_a_record_to_fill() -> None:
    world = World(framing=FramingSpec(FramingMode.BUFFERED, 1024), flush_delay=1.0).connect()
    world.pass_time(2.0)
    world.client.session.close(ResetCode.RESET)
    world.step()
    assert SessionClosed(ResetCode.RESET) in world.server.log


def test_a_goaway_leaves_out_the_streams_after_the_one_it_names_and_no_others() -> None:
    world = World().connect()
    world.server.accept = False
    streams = [world.open() for _ in range(4)]
    session = world.client.session
    session.peer_goaway = streams[1].id
    assert list(session.withdraw_excluded()) == streams[2:]
