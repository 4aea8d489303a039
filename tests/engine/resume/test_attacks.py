"""RESUME and its answers in wrong hands: every attack leaves the session, its link and its streams as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.hostile import say
from tests.engine.resume.raw import RawClient, RawServer
from tests.engine.world import World
from wormhole_tunnel.errors import FrameError, HandshakeError, RecordError
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.session import events
from wormhole_tunnel.session.link import LinkState
from wormhole_tunnel.session.resume import make_resume, make_resumed
from wormhole_tunnel.session.session import Session, SessionSettings, SessionState
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import NoSession, Resume, Resumed, pack_no_session, pack_resume, pack_resumed
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

TWO_KEYS = Keyring((Key("default", bytes(range(32))), Key("other", bytes(range(1, 33)))))


def busy(keys: Keyring | None = None) -> World:
    """A session with a stream on which something has been said in both directions."""
    world = World(keys=keys).connect()
    stream = world.open()
    world.write(world.client, stream, b"question")
    world.settle()
    world.write(world.server, world.other(stream), b"answer")
    world.settle()
    world.pass_time(0.1)
    return world


def unharmed(world: World) -> None:
    """The session still runs on its link, and the stream on it."""
    assert world.server.session.state is world.client.session.state is SessionState.UP
    assert world.server.session.link is world.server.link
    [stream] = world.client.session.streams.values()
    world.write(world.client, stream, b" more")
    world.settle()
    assert world.server.received(stream).data == b"question more"
    assert world.server.error is world.client.error is None


def valid_resume(world: World, client: RawClient) -> Resume:
    """What the rightful client would say on this link, without its taking note."""
    session = world.client.session
    resume = make_resume(session, client.established.transcript)
    session.generation -= 1
    return resume


def refused_in_silence(client: RawClient, resume: Resume) -> None:
    assert client.say(pack_resume(resume)) == []
    assert type(client.error) is HandshakeError


def test_the_tests_own_client_can_resume() -> None:
    world = busy()
    client = RawClient(world)
    [answer] = client.say(pack_resume(valid_resume(world, client)))
    assert isinstance(answer, Resumed)
    assert world.server.session.link is client.link


def test_an_unknown_session_is_answered_and_changes_nothing() -> None:
    world = busy()
    client = RawClient(world)
    resume = replace(valid_resume(world, client), session_id=bytes(16))
    assert client.say(pack_resume(resume)) == [NoSession()]
    unharmed(world)


def test_another_clients_key() -> None:
    world = busy(TWO_KEYS)
    client = RawClient(world, key=TWO_KEYS.by_name("other"))
    refused_in_silence(client, valid_resume(world, client))
    unharmed(world)


@pytest.mark.parametrize("field", ["generation", "rx_next"])
def test_fields_are_covered_by_the_proof(field: str) -> None:
    world = busy()
    client = RawClient(world)
    resume = valid_resume(world, client)
    refused_in_silence(client, replace(resume, **{field: getattr(resume, field) + 1}))
    unharmed(world)


@pytest.mark.parametrize("byte", range(32))
def test_every_byte_of_the_proof_counts(byte: int) -> None:
    world = busy()
    client = RawClient(world)
    resume = valid_resume(world, client)
    mac = bytearray(resume.mac)
    mac[byte] ^= 1
    refused_in_silence(client, replace(resume, mac=bytes(mac)))
    unharmed(world)


def test_a_proof_made_for_another_link() -> None:
    """A member that stands in the middle, with a link of its own to either side, relays RESUME."""
    world = busy()
    other, client = RawClient(world), RawClient(world)
    refused_in_silence(client, valid_resume(world, other))
    unharmed(world)


def test_a_relayed_answer() -> None:
    world = busy()
    world.cut()
    session, theirs = world.client.session, world.server.session
    server, elsewhere = RawServer(world, session), RawClient(world)
    theirs.generation = session.generation
    server.say(pack_resumed(make_resumed(theirs, elsewhere.established.transcript)))
    assert type(world.client.error) is HandshakeError
    assert session.state is SessionState.DOWN


@pytest.mark.parametrize("off", [-1, 1])
def test_an_answer_to_another_generation(off: int) -> None:
    """With a proof that verifies, as only the server could make it: for a RESUME that is not the one just sent."""
    world = busy()
    world.cut()
    session, theirs = world.client.session, world.server.session
    server = RawServer(world, session)
    theirs.generation = session.generation + off
    server.say(pack_resumed(make_resumed(theirs, server.established.transcript)))
    assert type(world.client.error) is HandshakeError
    assert session.state is SessionState.DOWN


def test_the_clients_own_proof_reflected() -> None:
    world = busy()
    world.cut()
    server = RawServer(world, world.client.session)
    assert isinstance(server.heard, Resume)
    server.say(pack_resumed(Resumed(server.heard.generation, server.heard.rx_next, server.heard.mac)))
    assert type(world.client.error) is HandshakeError
    assert world.client.session.state is SessionState.DOWN


@pytest.mark.parametrize("back", [0, 1])
def test_a_stale_generation(back: int) -> None:
    world = busy()
    world.resume()
    world.settle()
    client = RawClient(world)
    session = world.client.session
    session.generation -= back + 1
    resume = make_resume(session, client.established.transcript)
    session.generation += back
    refused_in_silence(client, resume)
    unharmed(world)


def lie_about(session: Session, rx_next: int) -> Session:
    """The session, as its owner would have it who lies about what arrived."""
    liar = Session(session.identity, session.settings, World().buffers, 0.0, client=session.client)
    liar.generation, liar.rx_next = session.generation, rx_next
    return liar


@pytest.mark.parametrize("off", [-1, 1, 1 << 40])
def test_a_client_that_claims_too_much_or_forgot(off: int) -> None:
    world = busy()
    sent = world.server.session.outbound
    assert sent.retention.acknowledged == sent.next_number
    client = RawClient(world)
    liar = lie_about(world.client.session, sent.next_number + off)
    refused_in_silence(client, make_resume(liar, client.established.transcript))
    unharmed(world)


@pytest.mark.parametrize("off", [-1, 1, 1 << 40])
def test_a_server_that_claims_too_much_or_forgot(off: int) -> None:
    world = busy()
    world.cut()
    session = world.client.session
    server = RawServer(world, session)
    liar = lie_about(world.server.session, session.outbound.next_number + off)
    liar.generation = session.generation
    server.say(pack_resumed(make_resumed(liar, server.established.transcript)))
    assert type(world.client.error) is FrameError


def test_data_of_the_old_link_after_the_fence() -> None:
    """What was under way when the session moved is dropped, wherever it stood: it comes again on the new link."""
    world = busy()
    [stream] = world.client.session.streams.values()
    old_server, old_client = world.server.link, world.client.link
    assert old_server is not None
    assert old_client is not None
    world.write(world.client, stream, b" again")
    under_way = world.client.output()
    old_server.receive_data(memoryview(under_way)[:-1], world.now)
    world.resume()
    world.settle()
    fenced = [event.link for event in world.server.log if isinstance(event, events.Fenced)]
    assert fenced == [old_server]
    assert [event.link for event in world.client.log if isinstance(event, events.Fenced)] == [old_client]
    assert old_server.next_event() is None
    assert old_server.data_to_send(world.now) is old_client.data_to_send(world.now) is None
    assert world.server.received(stream).data == b"question again"


def test_a_forged_answer_that_there_is_no_session() -> None:
    """Whoever has no key can break the link with it, and nothing more."""
    world = busy()
    world.cut()
    world.resume()
    world.server.receive(world.client.output())
    world.client.receive(world.server.output())
    forged = pack_no_session().ljust(100, b"\0")
    world.client.receive(forged)
    assert type(world.client.error) is RecordError
    assert world.client.session.state is SessionState.DOWN
    world.client.error = None
    world.server.lose_link()
    world.resume()
    world.settle()
    unharmed(world)


def test_no_session_is_believed_only_in_answer_to_resume() -> None:
    world = busy()
    world.cut()
    RawServer(world, world.client.session).say(pack_no_session())
    assert isinstance(world.client.log[-1], events.SessionRefused)
    elsewhere = busy()
    say(elsewhere, elsewhere.server, pack_no_session())
    assert type(elsewhere.client.error) is FrameError
    founding = World()
    RawServer(founding, None).say(pack_no_session())
    assert type(founding.client.error) is FrameError
    assert not founding.client.founded


def test_an_answer_of_the_other_kind() -> None:
    world = busy()
    world.cut()
    RawServer(world, world.client.session).say(world.server.session.hello())
    assert type(world.client.error) is FrameError
    founding = World()
    RawServer(founding, None).say(pack_resumed(Resumed(1, 0, bytes(32))))
    assert type(founding.client.error) is FrameError


@pytest.mark.parametrize("later_first", [False, True])
def test_parallel_dials(later_first: bool) -> None:
    """Two links ask for the same session: the later generation has it, in whichever order they arrive."""
    world = busy()
    first, second = RawClient(world), RawClient(world)
    session = world.client.session
    resumes = [make_resume(session, client.established.transcript) for client in (first, second)]
    asked = [(first, resumes[0]), (second, resumes[1])]
    for client, resume in reversed(asked) if later_first else asked:
        client.say(pack_resume(resume))
    assert world.server.session.link is second.link
    assert world.server.session.generation == 2
    assert (type(first.error) is HandshakeError) == later_first
    assert first.link.state is LinkState.CLOSED


@pytest.mark.parametrize("changed", [FramingSpec(FramingMode.PADDED, 512), FramingSpec(FramingMode.BUFFERED, 1024)])
def test_another_framing_than_at_the_founding(changed: FramingSpec) -> None:
    world = busy()
    client = RawClient(world, framing=changed)
    refused_in_silence(client, valid_resume(world, client))
    unharmed(world)


def test_a_key_revoked_between_handshake_and_resume() -> None:
    world = busy(TWO_KEYS)
    client = RawClient(world)
    resume = valid_resume(world, client)
    [revoked] = world.host.replace_keyring(Keyring((Key("default", bytes(32)),)))
    assert revoked is world.server.session
    refused_in_silence(client, resume)


def test_a_key_revoked_between_handshake_and_founding() -> None:
    world = busy(TWO_KEYS)
    other = TWO_KEYS.by_name("other")
    client = RawClient(world, key=other)
    world.host.replace_keyring(Keyring((TWO_KEYS.first,)))
    assert client.say(frames.pack_hello(frames.Hello(0, 120, 65536, 10))) == []
    assert type(client.error) is HandshakeError
    assert len(world.host.sessions) == 1
    unharmed(world)


def test_a_session_that_does_not_keep_its_frames_can_not_be_resumed() -> None:
    world = World(settings=SessionSettings(resume_timeout=0)).connect()
    client = RawClient(world)
    assert client.say(pack_resume(valid_resume(world, client))) == [NoSession()]


def test_an_ended_session_can_not_be_resumed() -> None:
    world = busy()
    world.server.session.end()
    client = RawClient(world)
    assert client.say(pack_resume(valid_resume(world, client))) == [NoSession()]
