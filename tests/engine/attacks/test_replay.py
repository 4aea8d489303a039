"""Sending again, sending back, and sending elsewhere what was recorded."""

from __future__ import annotations

import pytest

from tests.engine.attacks.recorded import (
    SMALL,
    accept_again,
    answered,
    feed,
    record_session,
    third_message,
    untouched,
)
from tests.engine.hostile import align, data_frame, forge, open_pair
from tests.engine.world import End, World
from wormhole_tunnel.errors import HandshakeError, RecordError
from wormhole_tunnel.limits import MESSAGE2_SIZE, REPLAY_CACHE_TAGS
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.host import HostSettings, SessionHost


def restarted(world: World, *, max_skew: float = 300.0) -> SessionHost:
    """The server proxy after a restart: the same keys, nothing remembered."""
    return SessionHost(
        world.keyring,
        b"j" * 16,
        HostSettings(max_skew=max_skew),
        Buffers(),
        world.keys,
        lambda: world.unix_ms + int(world.now * 1000),
    )


# --- replay -------------------------------------------------------------------------------------------------------------


def test_message_1_again_is_met_by_silence() -> None:
    world = World()
    recording = record_session(world)
    for _ in range(3):
        attacker = accept_again(world)
        feed(attacker, recording.to_server[:1])
        assert isinstance(attacker.error, HandshakeError)
        assert attacker.output() == b""
        assert untouched(attacker)


def test_message_1_again_after_an_hour_is_too_old() -> None:
    world = World()
    recording = record_session(world)
    world.now += 3600
    attacker = accept_again(world, restarted(world))
    feed(attacker, recording.to_server)
    link = attacker.link
    assert link is not None
    assert len(attacker.output()) == MESSAGE2_SIZE
    assert link.finished
    assert untouched(attacker)


def test_message_1_and_the_first_record_after_a_restart_draw_message_2_and_open_nothing() -> None:
    world = answered()
    world.dial()
    message1 = world.client.output()
    world.server.receive(message1)
    world.client.receive(world.server.output())
    message3 = third_message(world)
    host = restarted(world)
    attacker = accept_again(world, host)
    attacker.receive(message1)
    assert len(attacker.output()) == MESSAGE2_SIZE
    attacker.receive(message3)
    assert isinstance(attacker.error, RecordError)
    assert untouched(attacker)
    assert not host.sessions
    world.server.receive(message3)
    assert len(world.server.opened) == 1  # where it belongs, it is good


def test_a_whole_session_again_opens_nothing_neither_here_nor_after_a_restart() -> None:
    world = World()
    recording = record_session(world)
    assert len(world.server.opened) == 1
    for host in (world.host, restarted(world), restarted(world, max_skew=0)):
        sessions = len(host.sessions)
        attacker = accept_again(world, host)
        feed(attacker, recording.to_server)
        assert attacker.link is None
        assert untouched(attacker)
        assert len(host.sessions) == sessions


def test_the_server_s_half_of_a_session_again_tells_a_client_nothing() -> None:
    world = World()
    recording = record_session(world)
    victim = World()
    victim.dial()
    victim.keys.x25519()  # other ephemeral keys than those of the recording
    victim.dial()
    feed(victim.client, recording.to_client)
    assert isinstance(victim.client.error, HandshakeError)
    assert untouched(victim.client)


def test_the_cache_of_a_server_that_checks_no_clock_is_bounded_and_refuses_what_it_holds() -> None:
    world = World()
    host = restarted(world, max_skew=0)
    first = accept_again(world, host)
    world.dial()
    message1 = world.client.output()
    feed(first, [message1])
    again = accept_again(world, host)
    feed(again, [message1])
    assert isinstance(again.error, HandshakeError)
    assert host._replays._capacity == REPLAY_CACHE_TAGS


# --- reflection ---------------------------------------------------------------------------------------------------------


def test_its_own_message_is_no_answer_to_a_client() -> None:
    world = World()
    world.dial()
    message1 = world.client.output()
    world.client.receive(message1)
    assert isinstance(world.client.error, HandshakeError)


def test_its_own_message_is_no_beginning_to_a_server() -> None:
    world = World()
    world.dial()
    world.server.receive(world.client.output())
    message2 = world.server.output()
    attacker = accept_again(world)
    attacker.receive(message2 + bytes(1328 - len(message2)))
    assert isinstance(attacker.error, HandshakeError)
    assert attacker.output() == b""


@pytest.mark.parametrize("side", ["client", "server"])
def test_records_sent_back_to_their_sender_do_not_open(side: str) -> None:
    world = World(framing=SMALL).connect()
    mine, theirs = open_pair(world)
    victim, peer, stream = {
        "client": (world.client, world.server, mine),
        "server": (world.server, world.client, theirs),
    }[side]
    align(victim, victim, peer)
    victim.receive(forge(victim, data_frame(1, b"an echo")))
    assert isinstance(victim.error, RecordError)
    assert victim.received(stream).data == b""


# --- splicing -----------------------------------------------------------------------------------------------------------


def two_links() -> tuple[World, tuple[End, End], tuple[End, End]]:
    """Two sessions of one client with one server, each with stream 1 open."""
    world = World(framing=SMALL)
    pairs = []
    for _ in range(2):
        world.client, world.server = End(world), End(world)
        world.dial()
        world.settle()
        open_pair(world)
        pairs.append((world.client, world.server))
    return world, pairs[0], pairs[1]


def test_an_answer_to_another_handshake_is_none() -> None:
    world = World()
    world.dial()
    first_client = End(world)
    first_client.link = world.client.link
    world.server.receive(world.client.output())
    answer = world.server.output()
    world.dial()
    world.client.output()
    world.client.receive(answer)
    assert isinstance(world.client.error, HandshakeError)
    first_client.receive(answer)
    assert not isinstance(first_client.error, HandshakeError)


def test_records_of_one_link_do_not_open_on_another() -> None:
    _, (client, _), (other_client, other_server) = two_links()
    align(client, other_server, other_client)
    other_server.receive(forge(client, data_frame(1, b"spliced")))
    assert isinstance(other_server.error, RecordError)
    assert other_server.received(other_server.opened[0]).data == b""


def test_records_of_one_direction_do_not_open_in_the_other() -> None:
    _, (client, server), (other_client, _) = two_links()
    align(other_client, client, server)
    client.receive(forge(other_client, data_frame(1, b"spliced")))
    assert isinstance(client.error, RecordError)
    assert client.received(server.opened[0]).data == b""


def test_the_same_place_in_another_session_of_the_same_key_is_another_key() -> None:
    _, first, second = two_links()
    payload = data_frame(1, b"the same bytes in the same place")
    assert forge(first[0], payload) != forge(second[0], payload)


def test_a_first_record_does_not_fit_another_handshake_s_first_message() -> None:
    one, other = answered(), answered()
    other.dial()
    other.server.receive(other.client.output())
    other.client.receive(other.server.output())
    other.server.receive(third_message(one))
    assert isinstance(other.server.error, RecordError)
    assert untouched(other.server)
