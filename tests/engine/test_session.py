"""A session on one link: handshake, streams both ways, ends, flow control."""

from __future__ import annotations

from tests.engine.world import World
from wormhole_tunnel.wire.frames import ResetCode


def test_bytes_and_ends_cross_both_ways() -> None:
    world = World().connect()
    stream = world.open()
    world.write(world.client, stream, b"question")
    world.settle()
    theirs = world.other(stream)
    assert world.server.received(theirs).data == b"question"
    world.write(world.server, theirs, b"answer")
    world.server.session.finish(theirs)
    world.settle()
    assert world.client.received(stream).data == b"answer"
    assert world.client.received(stream).finished
    world.write(world.client, stream, b"more")
    world.client.session.finish(stream)
    world.settle()
    assert world.server.received(theirs).data == b"questionmore"
    assert world.server.received(theirs).finished
    assert not world.client.session.streams
    assert not world.server.session.streams


def test_resume() -> None:
    world = World().connect()
    stream = world.open()
    world.write(world.client, stream, b"one")
    world.client.output()  # lost on the way
    world.cut()
    world.resume()
    world.settle()
    assert world.server.received(world.other(stream)).data == b"one"
    world.client.session.reset(stream, ResetCode.RESET)
    world.settle()
    world.pass_time(100.0)
    assert world.client.error is None
    assert world.client.link is not None
