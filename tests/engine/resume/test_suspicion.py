"""When a spare link is dialled: a link that stalls, one that answers again, and a path too slow for impatience."""

from __future__ import annotations

from tests.engine.resume.tangle import Cable, Tangle
from tests.engine.world import World
from wormhole_tunnel import limits
from wormhole_tunnel.session import events
from wormhole_tunnel.session.link import LinkState
from wormhole_tunnel.session.session import SessionSettings
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

RECORD_TIME = 5.0  # seconds, for the largest record: longer than a spare link is waited with


def stalls(world: World) -> int:
    return sum(isinstance(event, events.LinkStalled) for event in world.client.log)


def test_a_stalled_link_is_reported_once_and_so_is_its_recovery() -> None:
    world = World().connect()
    stream = world.open()
    world.settle()
    world.pass_time(1.0)
    world.write(world.client, stream, b"question")
    lost = world.client.output()
    assert lost
    world.pass_time(limits.SPARE_AFTER - 0.1)
    assert stalls(world) == 0
    world.pass_time(0.2)
    assert stalls(world) == 1
    world.pass_time(5.0)
    assert stalls(world) == 1
    world.server.receive(lost)
    world.pass_time(0.1)
    assert isinstance(world.client.log[-1], events.LinkRevived)


def test_a_socket_that_goes_on_taking_data_leads_somewhere() -> None:
    world = World().connect()
    stream = world.open()
    world.settle()
    world.pass_time(1.0)
    world.write(world.client, stream, b"much")
    world.client.output()
    world.pass_time(2.0)
    assert world.client.link is not None
    world.client.link.liveness.drained_at = world.now
    world.pass_time(2.9)
    assert stalls(world) == 0
    world.pass_time(0.2)
    assert stalls(world) == 1


def test_links_that_nothing_comes_of_are_waited_for_ever_longer() -> None:
    """One record takes five seconds to cross: the first link is given up too early, a later one is not."""
    world = World(framing=FramingSpec(FramingMode.EXACT, 1024), allow_exact=True)
    tangle = Tangle(world)
    cable = tangle.dial()
    tangle.settle()
    stream = world.open()
    tangle.settle()
    world.now += 1.0
    world.write(world.client, stream, bytes(limits.INITIAL_WINDOW))
    links = 1
    while cross_slowly(tangle, cable):
        links += 1
        cable = tangle.dial()
        for lane in cable.lanes:
            lane.pull(world.now)
            lane.deliver()
            tangle.pull()
        cable.to_server.deliver()  # RESUME is small
        tangle.pull()
        cable.to_client.deliver()
    assert links == 3
    assert world.server.received(stream).data == bytes(limits.INITIAL_WINDOW)
    assert world.client.session.fruitless_links == 0


def cross_slowly(tangle: Tangle, cable: Cable) -> bool:
    """The largest record crosses as it would; tells whether the client has asked for a spare link before it did."""
    world = tangle.world
    tangle.pull()
    before = stalls(world)
    for _ in range(round(RECORD_TIME / 0.1)):
        world.now += 0.1
        cable.client.handle_deadline(world.now)
        world.client.drain(cable.client)
        if stalls(world) > before:
            return True
    tangle.settle()
    world.now += 0.1
    tangle.settle()
    return False


def test_a_session_without_resumption_never_looks_for_a_spare() -> None:
    world = World(settings=SessionSettings(resume_timeout=0)).connect()
    stream = world.open()
    world.settle()
    world.write(world.client, stream, b"question")
    world.client.output()
    world.pass_time(20.0)
    assert stalls(world) == 0


def test_a_spare_that_hears_nothing_after_the_handshake_is_given_up_early() -> None:
    """Its RESUME may have been swallowed: the next attempt must not wait for as long as a working link may be silent."""
    world = World().connect()
    world.resume()
    world.server.receive(world.client.output())
    world.client.receive(world.server.output())
    world.client.output()
    spare = world.client.link
    assert spare is not None
    assert spare.state is LinkState.CONFIRMING
    world.pass_time(limits.HANDSHAKE_TIMEOUT - 0.1)
    assert world.client.link is spare
    world.pass_time(0.2)
    assert world.client.link is None


def test_what_was_sent_again_does_not_count_as_having_taken_since_the_first_time() -> None:
    """Else the time without a link would look like a slow path, and records would shrink for nothing."""
    world = World().connect()
    stream = world.open()
    world.settle()
    world.write(world.client, stream, bytes(60_000))
    world.client.output()
    world.cut()
    world.now += 60.0
    world.resume()
    for _ in range(2):  # both handshake messages, then RESUME and RESUMED
        world.server.receive(world.client.output())
        world.client.receive(world.server.output())
    oldest = world.client.session.outbound.retention.oldest
    assert oldest is not None
    assert oldest.sealed_at == world.now
