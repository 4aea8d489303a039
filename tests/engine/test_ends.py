"""Ends of streams: each half has its own, a clean one only behind exactly the bytes that were sent."""

from __future__ import annotations

import pytest

from tests.engine.hostile import data_frame, open_pair, say
from tests.engine.world import World
from wormhole_tunnel.errors import FrameError, LimitError
from wormhole_tunnel.session.events import GoingAway, SessionClosed
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode, SourceAddress


def test_the_client_s_half_ends_and_the_server_s_goes_on() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.write(world.client, mine, b"question")
    world.client.session.finish(mine)
    world.settle()
    assert world.server.received(theirs).finished
    for _ in range(3):
        world.write(world.server, theirs, b"answer")
        world.settle()
    assert world.client.received(mine).data == b"answer" * 3
    assert not world.client.received(mine).finished
    world.server.session.finish(theirs)
    world.settle()
    assert world.client.received(mine).finished
    assert not world.client.session.streams
    assert not world.server.session.streams


def test_the_server_s_half_ends_and_the_client_s_goes_on() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.server.session.finish(theirs)
    world.settle()
    assert world.client.received(mine).finished
    world.write(world.client, mine, b"still here")
    world.settle()
    assert world.server.received(theirs).data == b"still here"
    assert not world.server.received(theirs).finished


def test_a_half_ends_once() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.client.session.finish(mine)
    world.client.session.finish(mine)
    world.settle()
    assert world.client.session.outbound.next_number == 2  # OPEN, FIN


def test_a_reset_ends_both_halves_with_its_reason() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.server.session.reset(theirs, ResetCode.REFUSED)
    world.server.session.reset(theirs, ResetCode.REFUSED)
    world.settle()
    assert world.client.received(mine).reset is ResetCode.REFUSED
    assert not world.client.received(mine).finished
    assert not world.client.session.streams
    assert world.server.session.outbound.next_number == 2  # OPENED, one RST


def test_frames_that_crossed_a_reset_are_counted_and_dropped() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.server.session.reset(theirs, ResetCode.RESET)
    world.write(world.client, mine, b"too late")
    world.client.session.finish(mine)
    world.settle()
    assert world.server.error is None
    assert world.server.session.late_frames == 2
    assert world.server.received(theirs).data == b""
    assert not world.server.received(theirs).finished


def test_a_stream_that_was_reset_before_it_could_be_accepted_is_left_alone() -> None:
    world = World().connect()
    world.server.accept = False
    mine = world.open()
    world.settle()
    theirs = world.other(mine)
    world.client.session.reset(mine, ResetCode.RESET)
    world.settle()
    assert world.server.received(theirs).reset is ResetCode.RESET
    world.server.session.accept(theirs)
    world.server.session.finish(theirs)
    world.settle()
    assert world.client.error is None
    assert world.server.session.outbound.next_number == 0


@pytest.mark.parametrize("offset", [0, 4, 6, 2**63])
def test_a_fin_at_another_offset_is_no_end(offset: int) -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    say(world, world.client, data_frame(mine.id, b"12345"), frames.pack_fin(mine.id, offset))
    assert isinstance(world.server.error, FrameError)
    assert not world.server.received(theirs).finished


def test_data_behind_fin_breaks_the_protocol() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    say(world, world.client, frames.pack_fin(mine.id, 0), data_frame(mine.id, b"more"))
    assert isinstance(world.server.error, FrameError)
    assert world.server.received(theirs).data == b""


def test_a_second_fin_breaks_the_protocol() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    say(world, world.client, frames.pack_fin(mine.id, 0), frames.pack_fin(mine.id, 0))
    assert isinstance(world.server.error, FrameError)


def test_open_carries_service_and_source() -> None:
    world = World().connect()
    world.client.session.open_stream(world.now, "database", SourceAddress("2001:db8::1", 4711))
    world.settle()
    [opened] = world.server.opened
    assert (opened.service, opened.source) == ("database", SourceAddress("2001:db8::1", 4711))


def test_a_client_sees_that_its_stream_was_accepted() -> None:
    world = World().connect()
    world.server.accept = False
    mine = world.open()
    world.settle()
    assert not world.client.received(mine).accepted
    world.server.session.accept(world.other(mine))
    world.settle()
    assert world.client.received(mine).accepted
    assert mine.opened


def test_no_stream_is_opened_to_a_server_that_goes_away_and_those_that_are_go_on() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.server.session.go_away()
    world.settle()
    assert GoingAway(mine.id) in world.client.log
    assert world.client.session.exhausted
    with pytest.raises(LimitError):
        world.open()
    world.write(world.client, mine, b"goes on")
    world.settle()
    assert world.server.received(theirs).data == b"goes on"


def test_close_comes_behind_all_else_and_is_acknowledged() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.write(world.client, mine, b"last words")
    world.client.session.close(ResetCode.DRAINING)
    world.settle()
    assert world.server.received(theirs).data == b"last words"
    assert world.server.log[-1] == SessionClosed(ResetCode.DRAINING)
    world.pass_time(0.1)
    assert world.client.session.outbound.retention.acknowledged == world.client.session.outbound.next_number


def test_an_ended_session_gives_its_streams_and_all_memory_back() -> None:
    world = World().connect()
    for _ in range(3):
        mine, _ = open_pair(world)
        world.write(world.client, mine, bytes(50_000))
    session = world.client.session
    session.end()
    assert len(list(session.take_streams())) == 3
    assert not session.streams
    world.cut()
    world.server.session.end()
    assert world.buffers.records.in_use == 0
    assert world.buffers.inbound.in_use == 0
