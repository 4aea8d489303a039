"""Streams that are taken back so that they can go elsewhere, and sessions that end in good order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.world import End, World
from wormhole_tunnel.session import events
from wormhole_tunnel.session.session import SessionState
from wormhole_tunnel.wire.frames import ResetCode


def events_of(end: End, kind: type[events.Event]) -> list[events.Event]:
    return [event for event in end.log if isinstance(event, kind)]


# --- streams that nobody has heard of ---------------------------------------------------------------------------------


def test_a_stream_that_was_never_sealed_is_taken_back_with_all_it_said() -> None:
    world = World().connect()
    sent = world.open()
    world.write(world.client, sent, b"first")
    world.settle()
    unsent = world.open()
    world.write(world.client, unsent, b"never seen")
    world.client.session.finish(unsent)

    assert world.client.session.withdraw_unsent() == [unsent]
    world.write(world.client, sent, b", second")
    world.settle()

    assert [stream.id for stream in world.server.opened] == [sent.id]
    assert world.server.received(world.other(sent)).data == b"first, second"
    assert world.server.session.rx_next == world.client.session.outbound.next_number


def test_a_stream_whose_open_was_sealed_is_not_taken_back_even_if_it_never_arrived() -> None:
    world = World().connect()
    world.open()
    world.client.output()
    world.cut()

    assert world.client.session.withdraw_unsent() == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 70_000)), max_size=8))
def test_what_is_left_arrives_in_order(steps: list[tuple[bool, int]]) -> None:
    """Streams said before and after those that are taken back, with and without data, some of it in the queue."""
    world = World().connect()
    session = world.client.session
    kept = world.open()
    world.settle()
    written = 0
    for opens, size in steps:
        if opens:
            world.write(world.client, world.open(), bytes(size))
        else:
            written += world.write(world.client, kept, bytes(size))
            session.consumed(kept, 0, world.now)
    session.withdraw_unsent()
    world.pass_time(1.0)

    assert [stream.id for stream in world.server.opened] == [kept.id]
    assert len(world.server.received(world.other(kept)).data) == written
    assert session.outbound.settled


def test_control_frames_in_the_queue_are_taken_back_too() -> None:
    world = World().connect()
    session = world.client.session
    for _ in range(60_000):  # more OPENs than fit into a record
        session.open_stream(world.now)
    assert session.outbound.upcoming_number == 60_000

    assert len(session.withdraw_unsent()) == 60_000
    assert not session.outbound.pending
    stream = world.open()
    world.settle()
    assert [opened.id for opened in world.server.opened] == [stream.id]


# --- a server that goes away ------------------------------------------------------------------------------------------


def test_streams_that_a_goaway_leaves_out_are_taken_back_and_the_others_stay() -> None:
    world = World().connect()
    early = world.open()
    world.settle()
    world.server.accept = False
    late = world.open()  # crosses the GOAWAY
    world.server.session.go_away()
    world.settle()

    assert events_of(world.client, events.GoingAway) == [events.GoingAway(early.id)]
    assert not world.client.session.has_room
    assert world.client.session.withdraw_excluded() == [late]
    world.settle()
    assert list(world.client.session.streams) == list(world.server.session.streams) == [early.id]


# --- CLOSE ------------------------------------------------------------------------------------------------------------


def test_close_follows_all_else_and_is_acknowledged() -> None:
    world = World().connect()
    stream = world.open()
    world.settle()
    far = world.other(stream)
    world.write(world.server, far, b"last words")
    world.server.session.finish(far)
    world.server.session.close(ResetCode.DRAINING)
    assert not events_of(world.server, events.CloseAcknowledged)
    world.settle()

    assert world.client.received(stream).data == b"last words"
    assert world.client.received(stream).finished
    assert events_of(world.client, events.SessionClosed) == [events.SessionClosed(ResetCode.DRAINING)]
    assert events_of(world.server, events.CloseAcknowledged)


def test_close_is_acknowledged_at_once() -> None:
    world = World().connect()
    world.open()
    world.settle()
    world.pass_time(1.0)
    world.open()
    world.settle()
    before = world.now
    world.client.session.close(ResetCode.RESET)
    world.settle()

    assert events_of(world.client, events.CloseAcknowledged)
    assert world.now == before


# --- another instance -------------------------------------------------------------------------------------------------


def test_another_instance_is_told_apart_before_the_working_link_is_fenced() -> None:
    world = World().connect()
    stream = world.open()
    world.settle()
    working = world.client.link
    world.host.instance = b"j" * 16
    world.resume()
    world.settle()

    assert events_of(world.client, events.SessionRefused) == [events.SessionRefused(another_instance=True)]
    assert world.client.session.link is working
    assert world.client.session.state is SessionState.UP
    assert world.client.received(stream).accepted
