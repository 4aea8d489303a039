"""Tampering with the records of a link that is up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.attacks.recorded import COMMAND, SMALL, answered
from tests.engine.hostile import data_frame, flipped, forge, open_pair
from tests.engine.world import World
from wormhole_tunnel.errors import RecordError
from wormhole_tunnel.limits import MAX_RECORD_PAYLOAD, RECORD_OVERHEAD, REKEY_RECORDS
from wormhole_tunnel.session.session import SessionState
from wormhole_tunnel.wire import frames


def pieces(count: int) -> list[bytes]:
    """Payloads of records that each carry some of stream 1."""
    return [data_frame(1, b"%d," % number) for number in range(count)]


def under_attack(count: int, attack: Callable[[list[bytes]], list[bytes]], before: int = 0) -> tuple[World, bytes]:
    """Open stream 1, send `before` records, then `count` more as the attack leaves them; the world, and what came."""
    world = World(framing=SMALL).connect()
    _, theirs = open_pair(world)
    for _ in range(before):
        world.server.receive(forge(world.client, b"\0"))
    for record in attack([forge(world.client, payload) for payload in pieces(count)]):
        if world.server.link is not None:
            world.server.receive(record)
    return world, bytes(world.server.received(theirs).data)


ATTACKS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], bytes]] = {
    "drop the first": (lambda records: records[1:], b""),
    "drop the second": (lambda records: records[:1] + records[2:], b"0,"),
    "swap": (lambda records: [records[1], records[0], *records[2:]], b""),
    "duplicate": (lambda records: [records[0], records[0], *records[1:]], b"0,"),
    "insert zeros": (lambda records: [records[0], bytes(64), *records[1:]], b"0,"),
    "insert one byte": (lambda records: [records[0], b"\0", *records[1:]], b"0,"),
    "reverse": (lambda records: records[::-1], b""),
    "go back to the start": (lambda records: [*records[:3], *records], b"0,1,2,"),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("before", [0, REKEY_RECORDS - 4, REKEY_RECORDS - 3])
def test_a_link_whose_records_were_moved_ends_with_what_came_in_order(attack: str, before: int) -> None:
    change, expected = ATTACKS[attack]
    world, received = under_attack(6, change, before)
    assert isinstance(world.server.error, RecordError)
    assert received == expected
    assert world.server.session.state is SessionState.DOWN  # a network can do this: the session waits for its next link


def test_records_that_nobody_touches_all_come_through_a_rekey() -> None:
    world, received = under_attack(6, lambda records: records, REKEY_RECORDS - 4)
    assert world.server.error is None
    assert received == b"0,1,2,3,4,5,"


@pytest.mark.parametrize("dropped", [1, 2, 3])
def test_first_records_can_not_be_dropped_unseen(dropped: int) -> None:
    """The Terrapin attack: drop the first records, of which the peer then never knows."""
    world = answered()
    opening = [
        frames.pack_hello(frames.Hello(0, 120, 65_536, 100)) + frames.pack_ping(1),
        frames.pack_open(1),
        data_frame(1, b"x"),
        frames.pack_open(2),
    ]
    records = [forge(world.client, payload) for payload in opening]
    world.server.receive(records[dropped])
    assert isinstance(world.server.error, RecordError)
    assert not world.server.opened
    assert not world.host.sessions


def test_first_records_of_a_server_can_not_be_dropped_unseen() -> None:
    world = answered()
    world.server.receive(forge(world.client, COMMAND))
    hello, data = world.server.records()[0], forge(world.server, data_frame(1, b"answer"))
    assert hello
    world.client.receive(data)
    assert isinstance(world.client.error, RecordError)
    assert not world.client.log


@pytest.mark.parametrize("padding", [0, 20_000, MAX_RECORD_PAYLOAD - 100])
@pytest.mark.parametrize("position", [19, 30, -17, -1])
def test_no_byte_of_a_payload_that_does_not_verify_is_delivered(padding: int, position: int) -> None:
    world = World().connect()
    _, theirs = open_pair(world)
    record = forge(world.client, data_frame(1, b"not authenticated") + bytes(padding))
    world.server.receive(flipped(record, position))
    assert isinstance(world.server.error, RecordError)
    assert world.server.received(theirs).data == b""
    assert theirs.received == 0


def test_a_flipped_length_waits_for_nothing() -> None:
    """A receiver that believed it would wait for more bytes, or read too few."""
    for position in range(19):
        world = World(framing=SMALL).connect()
        open_pair(world)
        record = forge(world.client, data_frame(1, b"x"))
        world.server.receive(flipped(record[:19], position, 0xFF))
        assert isinstance(world.server.error, RecordError)


def test_a_cut_at_any_byte_is_no_end_of_a_stream() -> None:
    whole = answered()
    whole.server.receive(forge(whole.client, COMMAND))
    assert whole.server.received(whole.server.opened[0]).finished
    tail = data_frame(1, b"more") + frames.pack_fin(1, 4)
    for cut in range(1, len(tail) + RECORD_OVERHEAD):
        world = World(framing=SMALL).connect()
        _, theirs = open_pair(world)
        record = forge(world.client, tail)
        world.server.receive(record[:cut])
        assert world.server.link is not None
        with pytest.raises(RecordError):
            world.server.link.receive_eof(world.now)
        assert not world.server.received(theirs).finished
        assert world.server.received(theirs).data == b""


def test_nothing_is_applied_behind_the_record_that_failed() -> None:
    world = World(framing=SMALL).connect()
    _, theirs = open_pair(world)
    records = [forge(world.client, payload) for payload in pieces(3)]
    world.server.receive(records[0] + flipped(records[1], 40) + records[2])
    assert world.server.received(theirs).data == b"0,"
