"""Conversations as an attacker on the path records them, and what is left of one that was tampered with."""

from __future__ import annotations

from dataclasses import dataclass

from tests.engine.hostile import data_frame, forge
from tests.engine.world import End, World
from wormhole_tunnel.limits import INITIAL_WINDOW
from wormhole_tunnel.session.host import SessionHost
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import Hello
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

SMALL = FramingSpec(FramingMode.PADDED, 64)  # short records, so that each of their bytes can be tried
HELLO = frames.pack_hello(Hello(0, 120, INITIAL_WINDOW, 100))
COMMAND = HELLO + frames.pack_open(1) + data_frame(1, b"a command that must never run twice") + frames.pack_fin(1, 35)


@dataclass(frozen=True)
class Recording:
    """Messages and records of a link's life, in the order in which each direction sent them."""

    to_server: list[bytes]
    to_client: list[bytes]


def answered(framing: FramingSpec = SMALL) -> World:
    """Both handshake messages have crossed; the third, with HELLO, OPEN and DATA in it, is the test's to send."""
    world = World(framing=framing)
    world.dial()
    world.server.receive(world.client.output())
    world.client.receive(world.server.output())
    return world


def third_message(world: World) -> bytes:
    """A first record that opens a stream and carries a whole command."""
    return forge(world.client, COMMAND)


def record_session(world: World, pieces: int = 5) -> Recording:
    """Let a new link carry a stream with some data each way, and note all that crosses."""
    recording = Recording([], [])
    world.dial()
    carry(world, recording)
    stream = world.open()
    for number in range(pieces):
        world.write(world.client, stream, b"question %d" % number)
        carry(world, recording)
        world.write(world.server, world.other(stream), b"answer %d" % number)
        carry(world, recording)
    return recording


def carry(world: World, recording: Recording) -> None:
    """Deliver until both are silent, and note it."""
    while True:
        to_server, to_client = world.client.records(), world.server.records()
        if not to_server and not to_client:
            return
        recording.to_server.extend(to_server)
        recording.to_client.extend(to_client)
        for record in to_server:
            world.server.receive(record)
        for record in to_client:
            world.client.receive(record)


def accept_again(world: World, host: SessionHost | None = None) -> End:
    """A further link that the server proxy accepts: the attacker is at its other end."""
    end = End(world)
    end.link = ServerLink(host or world.host, world.buffers, world.now)
    return end


def feed(end: End, messages: list[bytes]) -> None:
    """What the attacker sends, for as long as the link stays open."""
    for message in messages:
        if end.link is not None:
            end.receive(message)


def untouched(end: End) -> bool:
    """Whether nothing of a peer has come through: no stream, no byte, no end."""
    return not end.opened and not end.streams and end._session is None
