"""Windows: credit bounds what a peer may send, one reader's pause stops no other, and fast readers get more."""

from __future__ import annotations

import pytest

from tests.engine.hostile import data_frame, open_pair, say
from tests.engine.world import World
from wormhole_tunnel.errors import FlowControlError
from wormhole_tunnel.limits import INITIAL_WINDOW, KIB, MAX_WINDOW, MIB
from wormhole_tunnel.session.events import StreamWritable
from wormhole_tunnel.session.session import SessionSettings
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire import frames


def pour(world: World, stream: Stream, size: int) -> int:
    """Write from the client for as long as there is credit; returns how much was taken."""
    sent = 0
    while sent < size and (taken := world.write(world.client, stream, bytes(size - sent))):
        sent += taken
        world.settle()
    return sent


def test_a_reader_that_stops_holds_one_window_and_no_other_stream() -> None:
    world = World().connect()
    slow, fast = world.open(), world.open()
    world.server.consume = False
    assert pour(world, slow, MIB) == INITIAL_WINDOW
    assert pour(world, fast, 1000) == 1000
    assert len(world.server.received(world.other(slow)).data) == INITIAL_WINDOW


def test_a_blocked_stream_is_writable_again_once_its_bytes_are_taken() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.server.consume = False
    pour(world, mine, MIB)
    world.server.session.consumed(theirs, INITIAL_WINDOW // 2 - 1, world.now)
    world.settle()
    assert mine.credit == 0
    assert not [event for event in world.client.log if isinstance(event, StreamWritable)]
    assert world.server.session.consumed(theirs, 1, world.now)
    world.settle()
    assert world.client.log[-1] == StreamWritable(mine)
    assert world.write(world.client, mine, b"more") == 4


def test_new_credit_for_a_stream_that_did_not_want_it_is_no_event() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.write(world.client, mine, bytes(INITIAL_WINDOW // 2))
    world.settle()
    assert mine.send_limit > INITIAL_WINDOW
    assert not [event for event in world.client.log if isinstance(event, StreamWritable)]


def test_an_old_limit_takes_no_credit_away() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    say(world, world.server, frames.pack_window(mine.id, 10))
    assert mine.send_limit == INITIAL_WINDOW


def test_one_byte_beyond_the_window_ends_the_session() -> None:
    world = World().connect()
    world.server.consume = False
    mine, theirs = open_pair(world)
    say(world, world.client, data_frame(mine.id, bytes(INITIAL_WINDOW)))
    assert world.server.link is not None
    say(world, world.client, data_frame(mine.id, b"x"))
    assert isinstance(world.server.error, FlowControlError)
    assert len(world.server.received(theirs).data) == INITIAL_WINDOW


def test_the_window_of_a_stream_that_uses_it_up_fast_grows_fourfold_up_to_its_cap() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    windows = {theirs.window}
    for _ in range(600):
        pour(world, mine, 100_000)
        windows.add(theirs.window)
    assert windows == {64 * KIB << 2 * growths for growths in range(5)}
    assert theirs.window == MAX_WINDOW


def test_the_window_of_a_stream_that_takes_its_time_stays() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    for _ in range(20):
        world.pass_time(1.0)
        pour(world, mine, INITIAL_WINDOW // 2)
    assert theirs.window == INITIAL_WINDOW


def test_growth_comes_out_of_one_pool_and_goes_back_to_it() -> None:
    settings = SessionSettings(window_pool=200 * KIB)
    world = World(settings=settings).connect()
    streams = [world.open() for _ in range(4)]
    for _ in range(10):
        for stream in streams:
            pour(world, stream, 60_000)
    theirs = [world.other(stream) for stream in streams]
    assert sum(stream.window - INITIAL_WINDOW for stream in theirs) == 200 * KIB
    for stream in theirs[:2]:
        world.server.session.reset(stream, frames.ResetCode.RESET)
    for stream in streams[2:]:
        world.client.session.finish(stream)
    world.settle()
    for stream in theirs[2:]:
        world.server.session.finish(stream)
    world.settle()
    fresh, theirs_fresh = open_pair(world)
    for _ in range(10):
        pour(world, fresh, 60_000)
    assert theirs_fresh.window == INITIAL_WINDOW + 200 * KIB


def test_no_credit_is_given_behind_the_end_of_a_half() -> None:
    world = World().connect()
    world.server.consume = False
    mine, theirs = open_pair(world)
    world.write(world.client, mine, bytes(INITIAL_WINDOW))
    world.client.session.finish(mine)
    world.settle()
    assert not world.server.session.consumed(theirs, INITIAL_WINDOW, world.now)


def test_bytes_of_a_stream_that_was_reset_meanwhile_give_no_credit() -> None:
    world = World().connect()
    world.server.consume = False
    mine, theirs = open_pair(world)
    pour(world, mine, INITIAL_WINDOW)
    world.client.session.reset(mine, frames.ResetCode.RESET)
    world.settle()
    assert not world.server.session.consumed(theirs, INITIAL_WINDOW, world.now)


@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_unacknowledged_is_bounded_however_small_its_pieces(size: int) -> None:
    world = World(settings=SessionSettings(resume_buffer=20_000)).connect()
    mine, _ = open_pair(world)
    world.pass_time(0.1)
    while world.write(world.client, mine, bytes(size)):
        world.client.output()
    assert not mine.blocked
    assert world.client.session.outbound.full
    assert 20_000 <= world.client.session.outbound.retention.cost < 20_000 + size + 1000
