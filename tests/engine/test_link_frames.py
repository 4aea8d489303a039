"""The link's own frames travel in front of a session's: all of them at once have room."""

from __future__ import annotations

from tests.engine.world import World


def test_resumed_ack_pong_and_ping_fit_into_one_record() -> None:
    world = World().connect()
    stream = world.open()
    world.write(world.client, stream, b"not yet acknowledged")
    world.server.receive(world.client.output())
    world.cut()
    world.resume()
    world.settle()
    world.write(world.client, stream, b", and more")
    world.settle()
    assert world.server.received(world.other(stream)).data == b"not yet acknowledged, and more"
