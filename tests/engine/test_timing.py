"""When records leave, and how large they are: what an observer of the wire sees, in virtual time."""

from __future__ import annotations

import random

import pytest

from tests.engine.hostile import open_pair
from tests.engine.world import End, World
from wormhole_tunnel.limits import ACK_BYTES, ACK_DELAY, RECORD_OVERHEAD
from wormhole_tunnel.session.session import SessionSettings
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

BUFFERED = FramingSpec(FramingMode.BUFFERED, 1024)
CONSTANT = FramingSpec(FramingMode.CONSTANT, 1024, 10_000)
DELAY = 0.005


def quiet(world: World) -> World:
    """Let handshake, acknowledgements and measurements come to rest."""
    world.pass_time(0.5)
    world.client.sent.clear()
    world.server.sent.clear()
    return world


def sizes(end: End) -> list[int]:
    return [size for _, size in end.sent]


# --- padded and exact ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "wire"), [(1, 1024), (900, 1024), (981, 1024), (982, 2048), (5000, 5120)])
def test_padded_sizes_depend_on_the_amount_alone(size: int, wire: int) -> None:
    for content in (bytes(size), b"\xff" * size, random.Random(size).randbytes(size)):
        world = World().connect()
        mine, _ = open_pair(world)
        quiet(world)
        world.write(world.client, mine, content)
        assert len(world.client.output()) == wire


def test_padded_records_are_multiples_of_the_quantum_whatever_is_said() -> None:
    world = World(framing=FramingSpec(FramingMode.PADDED, 777)).connect()
    chance = random.Random(1)
    for _ in range(50):
        mine, theirs = open_pair(world)
        world.write(world.client, mine, bytes(chance.randrange(3000)))
        world.write(world.server, theirs, bytes(chance.randrange(3000)))
        world.settle()
        world.server.session.reset(theirs, ResetCode.RESET)
        world.pass_time(chance.random())
    assert {size % 777 for size in sizes(world.client)[2:]} == {0}
    assert {size % 777 for size in sizes(world.server)[2:]} == {0}


def test_exact_records_carry_no_padding() -> None:
    world = World(framing=FramingSpec(FramingMode.EXACT, 1024), allow_exact=True).connect()
    mine, theirs = open_pair(world)
    quiet(world)
    world.write(world.client, mine, b"x" * 321)
    assert len(world.client.output()) == RECORD_OVERHEAD + 8 + 321
    assert world.client.session.outbound.padding_bytes == 0
    assert theirs.received == 0


def test_data_leaves_at_once() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    quiet(world)
    world.write(world.client, mine, b"k")
    world.step()
    assert world.client.sent == [(world.now, 1024)]


# --- buffered -----------------------------------------------------------------------------------------------------------


def buffered() -> World:
    return World(framing=BUFFERED, flush_delay=DELAY).connect()


def test_buffered_data_waits_for_the_flush_delay() -> None:
    world = buffered()
    mine, theirs = open_pair(world)
    quiet(world)
    began = world.now
    for _ in range(4):
        world.write(world.client, mine, b"k")
        world.settle()
        world.pass_time(0.001)
    assert not world.client.sent
    world.pass_time(0.002)
    [(left_at, size)] = world.client.sent
    assert left_at - began == pytest.approx(DELAY)
    assert size == 1024
    assert world.server.received(theirs).data == b"kkkk"


def test_a_full_quantum_does_not_wait() -> None:
    world = buffered()
    mine, _ = open_pair(world)
    quiet(world)
    world.write(world.client, mine, bytes(981))
    world.settle()
    assert not world.client.sent
    world.write(world.client, mine, b"x")
    world.settle()
    assert world.client.sent == [(world.now, 2048)]


def test_fin_and_rst_flush() -> None:
    world = buffered()
    first, theirs = open_pair(world)
    second, _ = open_pair(world)
    quiet(world)
    world.write(world.client, first, b"last")
    world.client.session.finish(first)
    world.settle()
    assert world.server.received(theirs).finished
    world.client.session.reset(second, ResetCode.RESET)
    world.settle()
    assert sizes(world.client) == [1024, 1024]


def test_the_flush_delay_counts_anew_for_each_record() -> None:
    world = buffered()
    mine, _ = open_pair(world)
    quiet(world)
    for _ in range(3):
        world.write(world.client, mine, b"k")
        world.settle()
        world.pass_time(0.1)
    first, second, third = (time for time, _ in world.client.sent)
    assert second - first == third - second == pytest.approx(0.1)


# --- constant -----------------------------------------------------------------------------------------------------------


def observed(load: int) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
    """Times and sizes of all that leaves in two seconds, with some load in bytes per tick."""
    world = World(framing=CONSTANT).connect()
    world.pass_time(0.1)
    mine, theirs = open_pair(world)
    world.pass_time(0.1)
    world.client.sent.clear()
    world.server.sent.clear()
    for _ in range(200):
        if load:
            world.write(world.client, mine, b"x" * load)
            world.write(world.server, theirs, b"y" * load)
        world.pass_time(0.01)
    assert (theirs.received > 0) == (load > 0)
    return world.client.sent, world.server.sent


def test_constant_framing_looks_the_same_idle_and_busy() -> None:
    idle_client, idle_server = observed(0)
    assert len(idle_client) == 200
    for load in (1, 500, 30_000):
        busy_client, busy_server = observed(load)
        assert busy_client == idle_client
        assert busy_server == idle_server
    assert {size for _, size in idle_client + idle_server} == {1024}


def test_a_missed_tick_is_not_sent_late() -> None:
    world = World(framing=CONSTANT).connect()
    world.pass_time(0.1)
    world.now += 0.055
    world._handle_deadlines()
    assert len(world.client.output()) == 1024
    world._handle_deadlines()
    assert world.client.output() == b""
    assert world.client.link is not None
    deadline = world.client.link.next_deadline()
    assert deadline is not None
    assert 0 < deadline - world.now <= 0.010001


def test_a_tick_at_which_the_socket_is_full_is_lost() -> None:
    world = World(framing=CONSTANT).connect()
    world.pass_time(0.1)
    link = world.client.link
    assert link is not None
    for _ in range(5):
        world.now += 0.01
        link.handle_deadline(world.now)
        pending = link.data_to_send(world.now)
        assert pending is not None
        assert len(pending) == 1024
    link.data_sent(1024)
    assert link.data_to_send(world.now) is None


def test_nothing_leaves_between_ticks_whatever_happens() -> None:
    world = World(framing=CONSTANT).connect()
    world.pass_time(0.1)
    mine = world.open()
    world.write(world.client, mine, bytes(400))
    world.client.session.finish(mine)
    world.client.session.close(ResetCode.RESET)
    assert world.client.output() == b""


# --- acknowledgements ---------------------------------------------------------------------------------------------------


def test_an_acknowledgement_leaves_after_its_delay() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    quiet(world)
    world.write(world.client, mine, b"one")
    world.settle()
    world.pass_time(ACK_DELAY - 0.001)
    assert not world.server.sent
    world.pass_time(0.002)
    assert len(world.server.sent) == 1
    assert world.client.session.outbound.retention.acknowledged == world.client.session.outbound.next_number


def test_an_acknowledgement_leaves_at_once_after_many_bytes() -> None:
    world = World(settings=SessionSettings(window_pool=0)).connect()
    streams = [open_pair(world)[0] for _ in range(9)]
    quiet(world)
    world.server.consume = False
    for stream in streams[:8]:
        world.write(world.client, stream, bytes(ACK_BYTES // 8 - 1))
        world.settle()
    assert not world.server.sent
    world.write(world.client, streams[8], bytes(8))
    world.settle()
    assert world.server.sent == [(world.now, 1024)]


def test_an_acknowledgement_rides_along_with_an_answer() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    quiet(world)
    world.write(world.client, mine, b"question")
    world.step()
    world.pass_time(0.015)
    world.write(world.server, theirs, b"answer")
    world.settle()
    world.pass_time(0.1)
    assert len(world.server.sent) == 1
    assert len(world.client.session.outbound.retention) == 0
