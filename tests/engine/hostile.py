"""A hostile member and a hostile wire: frames no honest end would send, bytes changed on their way."""

from __future__ import annotations

from tests.engine.world import End, World
from wormhole_tunnel.limits import RECORD_OVERHEAD
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire import frames


def data_frame(stream: int, payload: bytes) -> bytes:
    """A DATA frame."""
    frame = bytearray(frames.DATA_HEADER) + payload
    frames.pack_data_header_into(memoryview(frame), 0, stream, len(payload))
    return bytes(frame)


def forge(end: End, payload: bytes) -> bytes:
    """A record of hand-made frames, sealed as the next one of this end's link."""
    link = end.link
    assert link is not None
    assert link._sealer is not None
    out = memoryview(bytearray(len(payload) + RECORD_OVERHEAD))
    link._sealer.seal_into(memoryview(payload), out)
    return bytes(out)


def align(sender: End, receiver: End, peer: End) -> None:
    """Bring the sender's next record to the number that the receiver expects from its true peer: only keys differ then."""
    assert sender.link is not None
    assert receiver.link is not None
    assert receiver.link._inbox is not None
    sealer, opener = sender.link._sealer, receiver.link._inbox._opener
    assert sealer is not None
    while sealer._counter < opener._counter:
        forge(sender, b"\0")
    while opener._counter < sealer._counter:
        receiver.receive(forge(peer, b"\0"))


def say(world: World, end: End, *hand_made: bytes) -> None:
    """Let the end's peer receive a record of these frames."""
    peer = world.server if end is world.client else world.client
    peer.receive(forge(end, b"".join(hand_made)))


def flipped(data: bytes, position: int, bits: int = 0x01) -> bytes:
    """The bytes with some bits of one of them changed."""
    changed = bytearray(data)
    changed[position] ^= bits
    return bytes(changed)


def open_pair(world: World) -> tuple[Stream, Stream]:
    """A stream that is open at both ends: the client's view and the server's."""
    stream = world.open()
    world.settle()
    while stream.id not in world.server.session.streams or not stream.opened:
        world.pass_time(0.01)  # buffered and constant framing take their time
    return stream, world.other(stream)
