"""Life and death of a link in virtual time: pings, silence, deadlines of the handshake, ends in the middle."""

from __future__ import annotations

import pytest

from tests.engine.hostile import open_pair
from tests.engine.world import World
from wormhole_tunnel.errors import LinkTimeoutError, RecordError
from wormhole_tunnel.limits import DEAD_AFTER, HANDSHAKE_TIMEOUT, PING_AFTER, SPARE_AFTER
from wormhole_tunnel.session.events import LinkRevived, LinkStalled
from wormhole_tunnel.session.link import LinkState


def lose_everything(world: World, seconds: float) -> None:
    """Let time pass while every byte is lost on the way; both links stay up as far as TCP goes."""
    end = world.now + seconds
    while world.now < end:
        world.client.output()
        world.server.output()
        world.now += 0.5
        world._handle_deadlines()


def test_an_idle_link_is_pinged_and_lives() -> None:
    world = World().connect()
    world.pass_time(5.0)
    world.client.sent.clear()
    world.server.sent.clear()
    world.pass_time(100 * PING_AFTER)
    assert world.client.link is not None
    assert world.server.link is not None
    for end in (world.client, world.server):
        assert 100 <= len(end.sent) <= 200  # a ping every 15 s, and at the most as many pongs


def test_a_busy_link_measures_its_round_trip() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.pass_time(3.0)
    world.write(world.client, mine, b"x")
    ping = world.client.output()
    world.now += 0.050
    world.server.receive(ping)
    pong = world.server.output()
    world.now += 0.030
    world.client.receive(pong)
    assert world.client.session.round_trip == pytest.approx(0.080)


def test_a_silent_peer_is_dead_after_45_seconds() -> None:
    world = World().connect()
    world.pass_time(0.1)
    lose_everything(world, DEAD_AFTER - 1)
    assert world.client.link is not None
    lose_everything(world, 2)
    for end in (world.client, world.server):
        assert isinstance(end.error, LinkTimeoutError)
        assert end.link is None
    assert "45 s" in str(world.client.error)


def test_any_byte_is_life() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.pass_time(0.1)
    world.write(world.client, mine, bytes(60_000))
    record = world.client.output()
    for position in range(0, 60_000, 10_000):
        lose_everything(world, 40)
        assert world.server.link is not None
        world.server.receive(record[position : position + 10_000])


def test_unacknowledged_data_and_silence_ask_for_a_spare_link_once() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.pass_time(1.0)
    lose_everything(world, 20)
    assert LinkStalled() not in world.client.log
    world.server.receive(world.client.output())
    world.write(world.client, mine, b"lost")
    lose_everything(world, SPARE_AFTER - 0.5)
    assert LinkStalled() not in world.client.log
    lose_everything(world, 10)
    assert world.client.log.count(LinkStalled()) == 1


def test_a_stalled_link_that_speaks_again_says_so() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.pass_time(1.0)
    world.write(world.client, mine, b"slow")
    late = world.client.output()
    lose_everything(world, 5)
    world.server.receive(late)
    world.pass_time(0.1)
    assert [event for event in world.client.log if isinstance(event, LinkStalled | LinkRevived)] == [
        LinkStalled(),
        LinkRevived(),
    ]


@pytest.mark.parametrize("received", [0, 1, 1327, 1328])
def test_a_client_that_does_not_come_to_its_first_record_is_closed(received: int) -> None:
    world = World()
    world.dial()
    world.server.receive(world.client.output()[:received])
    lose_everything(world, HANDSHAKE_TIMEOUT - 1)
    assert world.server.link is not None
    lose_everything(world, 2)
    assert isinstance(world.server.error, LinkTimeoutError)
    assert "handshake" in str(world.server.error)


def test_bytes_now_and_then_do_not_stretch_the_handshake() -> None:
    world = World()
    world.dial()
    message1 = world.client.output()
    for position in range(9):
        world.server.receive(message1[position : position + 1])
        lose_everything(world, 1)
    assert world.server.link is not None
    lose_everything(world, 2)
    assert isinstance(world.server.error, LinkTimeoutError)


def test_a_server_that_does_not_answer_is_given_up() -> None:
    world = World()
    world.dial()
    world.client.output()
    world.server.lose_link()
    lose_everything(world, HANDSHAKE_TIMEOUT + 1)
    assert isinstance(world.client.error, LinkTimeoutError)


def test_a_server_that_answers_and_then_falls_silent_is_given_up_as_soon() -> None:
    world = World()
    world.dial()
    world.server.receive(world.client.output())
    world.client.receive(world.server.output())
    lose_everything(world, HANDSHAKE_TIMEOUT + 1)
    assert isinstance(world.client.error, LinkTimeoutError)


def test_an_end_between_records_is_no_error_and_one_inside_is() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    link = world.server.link
    assert link is not None
    link.receive_eof(world.now)
    world.write(world.client, mine, b"cut")
    record = world.client.output()
    world.server.receive(record[:-1])
    with pytest.raises(RecordError, match="middle of a record"):
        link.receive_eof(world.now)


def test_an_end_during_the_handshake_is_no_error_of_records() -> None:
    world = World()
    world.dial()
    world.server.receive(world.client.output()[:1000])
    assert world.server.link is not None
    world.server.link.receive_eof(world.now)


def test_a_closed_link_says_and_applies_nothing() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    world.write(world.client, mine, b"under way")
    link = world.server.link
    assert link is not None
    link.receive_data(memoryview(world.client.output()), world.now)
    link.close()
    link.close()
    assert link.next_event() is None
    assert link.next_deadline() is None
    assert link.data_to_send(world.now) is None
    link.handle_deadline(world.now + 1000)
    assert link.state is LinkState.CLOSED
    assert theirs.received == 0
    assert world.buffers.inbound.in_use == 0
