"""A member that breaks the protocol: the session ends with an error that names what it did, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.hostile import data_frame, open_pair, say
from tests.engine.world import End, World
from wormhole_tunnel.errors import FrameError, LimitError, ProtocolError
from wormhole_tunnel.limits import CONTROL_BUFFER, INITIAL_WINDOW, MAX_STREAM_ID, MAX_WINDOW
from wormhole_tunnel.session.session import SessionSettings
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import Hello, ResetCode

HELLO = frames.pack_hello(Hello(0, 120, INITIAL_WINDOW, 100))
RESUME = frames.pack_resume(frames.Resume(bytes(16), 1, 0, bytes(32)))
FOR_A_STREAM = [
    frames.pack_opened,
    lambda stream: data_frame(stream, b"x"),
    lambda stream: frames.pack_fin(stream, 0),
    lambda stream: frames.pack_rst(stream, ResetCode.RESET),
    lambda stream: frames.pack_window(stream, 100_000),
]


def greeted() -> World:
    """Both handshake messages have crossed, and no record."""
    world = World()
    world.dial()
    world.server.receive(world.client.output())
    world.client.receive(world.server.output())
    return world


def repeat(times: int, action: Callable[[], None]) -> None:
    for _ in range(times):
        action()


def error_of(end: End, kind: type[ProtocolError] = FrameError) -> str:
    """What the end said when it closed its link."""
    assert type(end.error) is kind, end.error
    assert end.link is None
    return str(end.error)


# --- streams ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [0, 1, 2, 3])
def test_stream_ids_only_rise(stream: int) -> None:
    world = World().connect()
    say(world, world.client, frames.pack_open(3))
    say(world, world.client, frames.pack_open(stream))
    assert f"stream {stream}" in error_of(world.server)
    assert len(world.server.opened) == 1


def test_an_id_is_not_used_again_once_its_stream_has_ended() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    world.client.session.reset(mine, ResetCode.RESET)
    world.settle()
    say(world, world.client, frames.pack_open(mine.id))
    assert "not a new one" in error_of(world.server)
    assert len(world.server.opened) == 1


def test_an_id_has_31_bits() -> None:
    world = World().connect()
    say(world, world.client, frames.pack_open(MAX_STREAM_ID))
    assert world.server.error is None
    say(world, world.client, frames.pack_open(MAX_STREAM_ID + 1))
    assert "not a new one" in error_of(world.server)


@pytest.mark.parametrize("frame", FOR_A_STREAM)
@pytest.mark.parametrize("stream", [0, 2])
def test_a_frame_for_a_stream_that_was_never_opened(frame: type, stream: int) -> None:
    for attacker in ("client", "server"):
        world = World().connect()
        open_pair(world)
        ends = {"client": world.client, "server": world.server}
        victim = world.server if attacker == "client" else world.client
        say(world, ends[attacker], frame(stream))
        assert "never opened" in error_of(victim)


def test_open_to_a_client() -> None:
    world = World().connect()
    say(world, world.server, frames.pack_open(1))
    assert "OPEN from a server proxy" in error_of(world.client)


def test_opened_to_a_server() -> None:
    world = World().connect()
    world.server.accept = False
    mine = world.open()
    world.settle()
    say(world, world.client, frames.pack_opened(mine.id))
    assert "OPENED" in error_of(world.server)


def test_opened_twice() -> None:
    world = World().connect()
    mine, _ = open_pair(world)
    say(world, world.server, frames.pack_opened(mine.id))
    assert "OPENED" in error_of(world.client)


def test_more_streams_than_hello_allows() -> None:
    world = World(server_settings=SessionSettings(max_streams=5)).connect()
    for stream in range(1, 6):
        say(world, world.client, frames.pack_open(stream))
    assert world.server.error is None
    say(world, world.client, frames.pack_open(6))
    assert "more streams than" in error_of(world.server, LimitError)
    assert len(world.server.opened) == 5


def test_an_honest_client_keeps_to_the_limit_and_goes_on_when_a_stream_ends() -> None:
    world = World(server_settings=SessionSettings(max_streams=2)).connect()
    first, _ = world.open(), world.open()
    assert not world.client.session.has_room
    with pytest.raises(LimitError):
        world.open()
    world.client.session.reset(first, ResetCode.RESET)
    world.open()
    world.settle()
    assert world.server.error is None


# --- what starts a link -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [frames.pack_open(1), data_frame(1, b"x"), frames.pack_ack(0), frames.pack_ping(1), frames.pack_no_session()],
    ids=["OPEN", "DATA", "ACK", "PING", "NO_SESSION"],
)
def test_a_client_begins_with_hello_or_resume(first: bytes) -> None:
    world = greeted()
    say(world, world.client, first)
    error_of(world.server)
    assert not world.host.sessions


@pytest.mark.parametrize(
    "first",
    [frames.pack_opened(1), data_frame(1, b"x"), frames.pack_ack(0), frames.pack_no_session(), RESUME],
    ids=["OPENED", "DATA", "ACK", "NO_SESSION", "RESUME"],
)
def test_a_server_begins_with_hello(first: bytes) -> None:
    world = greeted()
    say(world, world.server, first)
    error_of(world.client)
    assert not world.client.log


@pytest.mark.parametrize("second", [HELLO, RESUME, frames.pack_no_session()], ids=["HELLO", "RESUME", "NO_SESSION"])
def test_what_begins_a_link_comes_once(second: bytes) -> None:
    for attacker in ("client", "server"):
        world = World().connect()
        victim = world.server if attacker == "client" else world.client
        say(world, world.client if attacker == "client" else world.server, second)
        assert "not allowed" in error_of(victim)


@pytest.mark.parametrize("window", [0, INITIAL_WINDOW - 1, MAX_WINDOW + 1])
def test_hello_with_a_window_out_of_bounds(window: int) -> None:
    world = greeted()
    say(world, world.client, frames.pack_hello(Hello(0, 120, window, 100)))
    assert "window" in error_of(world.server)


def test_a_larger_initial_window_is_used() -> None:
    world = greeted()
    say(world, world.server, frames.pack_hello(Hello(0, 120, 2 * INITIAL_WINDOW, 100)))
    assert world.open().credit == 2 * INITIAL_WINDOW


# --- frames -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0x08, 0x0F, 0x18, 0x80, 0xFF])
def test_an_unknown_frame_is_named(code: int) -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    say(world, world.client, data_frame(mine.id, b"before"), bytes([code]), data_frame(mine.id, b"behind"))
    assert f"0x{code:02x}" in error_of(world.server)
    assert world.server.received(theirs).data == b"before"


def test_a_frame_that_does_not_end_in_its_record() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    say(world, world.client, data_frame(mine.id, b"12345")[:-1])
    assert "longer than its record" in error_of(world.server)
    assert world.server.received(theirs).data == b""


def test_behind_padding_nothing_is_read() -> None:
    world = World().connect()
    mine, theirs = open_pair(world)
    say(world, world.client, b"\0", data_frame(mine.id, b"x"), b"\xff")
    assert world.server.error is None
    assert world.server.received(theirs).data == b""


@pytest.mark.parametrize("ahead", [1, 2**40])
def test_an_acknowledgement_of_what_was_never_sent(ahead: int) -> None:
    world = World().connect()
    open_pair(world)
    say(world, world.server, frames.pack_ack(world.client.session.outbound.next_number + ahead))
    assert "not sent" in error_of(world.client)


def test_an_old_acknowledgement_is_no_news() -> None:
    world = World().connect()
    open_pair(world)
    world.pass_time(0.1)
    acknowledged = world.client.session.outbound.retention.acknowledged
    say(world, world.server, frames.pack_ack(0))
    assert world.client.error is None
    assert world.client.session.outbound.retention.acknowledged == acknowledged == 1


def test_a_pong_nobody_asked_for_is_ignored() -> None:
    world = World().connect()
    world.pass_time(2.0)
    before = world.client.session.round_trip
    say(world, world.server, frames.pack_pong(2**63))
    assert world.client.error is None
    assert world.client.session.round_trip == before


# --- floods -------------------------------------------------------------------------------------------------------------


def test_control_frames_that_nobody_takes_end_the_session_before_they_fill_the_memory() -> None:
    world = World().connect()
    first_record, window = 262_109, frames.pack_window(1, 0)
    fits = (first_record + CONTROL_BUFFER) // len(window)
    session = world.client.session
    repeat(fits - 100, lambda: session.outbound.control(window))
    session.check_bounds()
    repeat(200, lambda: session.outbound.control(window))
    assert session.outbound._queued <= CONTROL_BUFFER
    with pytest.raises(LimitError, match="control frames"):
        session.check_bounds()
    with pytest.raises(LimitError, match="control frames"):
        session.resume_from(0, world.now)


def test_what_is_received_ends_a_session_whose_control_frames_nobody_takes() -> None:
    world = World().connect()
    world.server.session.outbound.overflowed = True
    say(world, world.client, frames.pack_ping(1))
    assert "control frames" in error_of(world.server, LimitError)


def test_pings_without_end_are_answered_once() -> None:
    world = World().connect()
    world.pass_time(2.0)
    say(world, world.client, *(frames.pack_ping(token) for token in range(10_000)))
    assert len(world.server.output()) == 1024


def test_a_stream_is_left_for_the_next_session_at_the_last_id() -> None:
    world = World().connect()
    world.client.session._highest_stream = MAX_STREAM_ID - 1  # two thousand million streams later
    assert world.client.session.has_room
    world.open()
    assert world.client.session.exhausted
    assert not world.client.session.has_room
