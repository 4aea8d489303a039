"""Tampering with the three messages that begin a link."""

from __future__ import annotations

import pytest

from tests.engine.attacks.recorded import COMMAND, accept_again, answered, feed, third_message, untouched
from tests.engine.hostile import flipped, forge
from tests.engine.world import End, World
from wormhole_tunnel.errors import HandshakeError, LimitError, RecordError
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.session.events import PeerTagged
from wormhole_tunnel.session.link import LinkState
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec, HandshakeRefusedError, HandshakeStatus


def greet(world: World) -> tuple[End, End]:
    """A further pair of ends whose handshake messages have crossed."""
    world.client, world.server = End(world), End(world)
    world.dial()
    world.server.receive(world.client.output())
    world.client.receive(world.server.output())
    return world.client, world.server


def message1_of(world: World) -> bytes:
    world.dial()
    return world.client.output()


def test_the_third_message_opens_a_stream_when_nobody_touches_it() -> None:
    world = answered()
    world.server.receive(third_message(world))
    assert world.server.received(world.server.opened[0]).finished
    assert len(world.host.sessions) == 1


def test_a_flip_of_any_byte_of_message_1_is_met_by_silence() -> None:
    world = World()
    message1 = message1_of(world)
    for position in range(len(message1)):
        server = accept_again(world)
        server.receive(flipped(message1, position))
        assert isinstance(server.error, HandshakeError)
        assert server.output() == b""
        assert untouched(server)
    assert not world.host.key_last_used


def test_a_flip_of_any_byte_of_message_2_ends_the_client_s_link_before_it_says_anything() -> None:
    world = World()
    world.server.receive(message1_of(world))
    message2 = world.server.output()
    for position in range(len(message2)):
        victim = World()  # the same ephemeral keys, so the same first message
        message1_of(victim)
        victim.client.receive(flipped(message2, position))
        assert isinstance(victim.client.error, HandshakeError)
        assert victim.client.output() == b""
        assert untouched(victim.client)


def test_a_flip_of_any_byte_of_message_3_founds_nothing_and_opens_nothing() -> None:
    size = len(third_message(answered()))
    for position in range(size):
        world = answered()
        world.server.receive(flipped(third_message(world), position))
        assert isinstance(world.server.error, RecordError)
        assert untouched(world.server)
        assert not world.host.sessions


@pytest.mark.parametrize("sizes", [range(0, 1328, 83), range(1329, 1329 + 64, 7)])
def test_message_1_has_one_size(sizes: range) -> None:
    for size in sizes:
        world = World()
        message1 = message1_of(world)
        world.server.receive((message1 + bytes(100))[:size])
        if size < 1328:
            assert world.server.output() == b""
        assert untouched(world.server)
        assert not world.host.sessions


def test_what_extends_message_1_is_taken_for_a_record_and_ends_the_link() -> None:
    world = World()
    world.server.receive(message1_of(world) + bytes(64))
    assert isinstance(world.server.error, RecordError)
    assert untouched(world.server)


def test_what_extends_message_2_is_taken_for_a_record_and_ends_the_link() -> None:
    world = World()
    world.server.receive(message1_of(world))
    world.client.receive(world.server.output() + bytes(64))
    assert isinstance(world.client.error, RecordError)
    assert untouched(world.client)


def test_each_truncation_of_message_3_opens_nothing() -> None:
    world = answered()
    message3 = third_message(world)
    for position in range(len(message3) - 1):
        world.server.receive(message3[position : position + 1])
        assert untouched(world.server)
        assert not world.host.sessions


@pytest.mark.parametrize("size", [0, 1, 1327, 1328, 1329, 1_000_000])
def test_a_probe_of_any_size_gets_no_answer(size: int) -> None:
    world = World()
    world.dial()
    world.server.receive(b"\x5a" * size)
    assert world.server.output() == b""
    assert PeerTagged() not in world.server.log


def test_a_record_that_verifies_comes_before_any_memory_is_given() -> None:
    world = answered()
    assert not world.host.sessions
    assert world.server.link is not None
    assert world.server.link.state is LinkState.HANDSHAKE
    world.server.receive(forge(world.client, b"\0"))
    assert world.server.link.session is None
    world.server.receive(forge(world.client, COMMAND))
    assert len(world.host.sessions) == 1


def test_a_key_that_is_not_in_the_ring_is_met_by_silence() -> None:
    world = World()
    world.dial(key=Key("stranger", b"s" * 32))
    world.settle()
    assert isinstance(world.server.error, HandshakeError)
    assert world.server.sent == []
    assert untouched(world.server)


def test_a_key_that_was_taken_out_of_the_ring_is_met_by_silence() -> None:
    world = World()
    message1 = message1_of(world)
    world.host.replace_keyring(Keyring((Key("other", b"o" * 32),)))
    world.server.receive(message1)
    assert isinstance(world.server.error, HandshakeError)
    assert world.server.output() == b""


def test_a_key_that_is_taken_out_in_the_middle_of_the_handshake_founds_nothing() -> None:
    world = answered()
    world.host.replace_keyring(Keyring((Key("default", b"o" * 32),)))
    world.server.receive(third_message(world))
    assert isinstance(world.server.error, HandshakeError)
    assert untouched(world.server)
    assert not world.host.sessions


def test_replacing_the_ring_names_the_sessions_of_keys_that_are_gone() -> None:
    both = Keyring((Key("alice", b"a" * 32), Key("bob", b"b" * 32)))
    world = World(keys=both)
    world.dial(key=both.keys[0])
    world.settle()
    world.dial(key=both.keys[1])
    world.settle()
    assert world.host.replace_keyring(both) == []
    [lost] = world.host.replace_keyring(Keyring(both.keys[1:]))
    assert lost.identity.key_name == "alice"
    world.host.forget(lost)
    assert [session.identity.key_name for session in world.host.sessions.values()] == ["bob"]


# --- what a holder of the key may ask for -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "framing",
    [
        FramingSpec(FramingMode.EXACT, 1024),
        FramingSpec(FramingMode.PADDED, 63),
        FramingSpec(FramingMode.PADDED, 0),
        FramingSpec(FramingMode.BUFFERED, 16_385),
        FramingSpec(FramingMode.CONSTANT, 511, 10_000),
        FramingSpec(FramingMode.CONSTANT, 1024, 4999),
    ],
    ids=str,
)
def test_framing_that_is_not_allowed_is_refused_by_name(framing: FramingSpec) -> None:
    world = World(framing=framing)
    world.dial()
    world.settle()
    assert isinstance(world.client.error, HandshakeRefusedError)
    assert world.client.error.answer.status is HandshakeStatus.FRAMING_REFUSED
    assert world.server.link is not None
    assert world.server.link.finished
    assert not world.host.sessions


def test_a_link_that_was_refused_takes_nothing_more() -> None:
    world = World(framing=FramingSpec(FramingMode.EXACT, 1024))
    world.server.receive(message1_of(world))
    link = world.server.link
    assert link is not None
    finished = [link.finished]
    world.server.output()
    finished.append(link.finished)
    assert finished == [False, True]
    feed(world.server, [bytes(1000)])
    assert untouched(world.server)


@pytest.mark.parametrize(("seconds", "status"), [(-301, HandshakeStatus.CLOCK), (301, HandshakeStatus.CLOCK)])
def test_a_clock_that_is_off_is_told_so(seconds: int, status: HandshakeStatus) -> None:
    world = World()
    message1 = message1_of(world)
    world.unix_ms += seconds * 1000
    world.server.receive(message1)
    world.client.receive(world.server.output())
    assert isinstance(world.client.error, HandshakeRefusedError)
    assert world.client.error.answer.status is status


def test_a_server_that_drains_takes_no_new_session() -> None:
    world = World()
    world.host.draining = True
    world.dial()
    world.settle()
    assert isinstance(world.client.error, HandshakeRefusedError)
    assert world.client.error.answer.status is HandshakeStatus.DRAINING


def test_a_server_whose_memory_is_full_says_so_and_lets_a_session_it_has_come_back() -> None:
    world = World().connect()
    session = world.client.session
    world.buffers.waiting = world.buffers.limit
    world.dial()
    world.settle()
    assert isinstance(world.client.error, HandshakeRefusedError)
    assert world.client.error.answer.status is HandshakeStatus.BUSY
    world.dial(session)
    world.settle()
    assert world.client.link is not None
    assert session.link is world.client.link


def test_a_server_with_all_its_sessions_is_busy() -> None:
    world = World(max_sessions=1).connect()
    world.dial()
    world.settle()
    assert isinstance(world.client.error, HandshakeRefusedError)
    assert world.client.error.answer.status is HandshakeStatus.BUSY
    assert len(world.host.sessions) == 1


def test_many_handshakes_that_were_answered_at_once_found_no_more_sessions_than_allowed() -> None:
    world = World(max_sessions=1)
    first = greet(world)
    second = greet(world)
    for client, server in (first, second):
        server.receive(forge(client, COMMAND))
    assert len(world.host.sessions) == 1
    assert isinstance(second[1].error, LimitError)
    assert untouched(second[1])
