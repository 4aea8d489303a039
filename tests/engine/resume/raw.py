"""A peer that holds a key and says whatever a test wants: the handshake is real, the frames are the test's own."""

from __future__ import annotations

from tests.engine.world import World
from wormhole_tunnel.crypto.aead import supported_ciphers
from wormhole_tunnel.errors import ProtocolError
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.limits import MESSAGE2_SIZE, SEALED_LENGTH_SIZE, TAG_SIZE
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.link import LinkState
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import PADDING, Frame
from wormhole_tunnel.wire.handshake import ClientHandshake, ClientOffer, FramingSpec, ServerAnswer, ServerHandshake
from wormhole_tunnel.wire.negotiation import HandshakeStatus
from wormhole_tunnel.wire.parser import parse_frame
from wormhole_tunnel.wire.records import RecordOpener, RecordSealer


def open_records(opener: RecordOpener, data: memoryview) -> list[memoryview]:
    """The payloads of the records in `data`."""
    found = []
    while data:
        end = SEALED_LENGTH_SIZE + opener.open_length(data[:SEALED_LENGTH_SIZE]) + TAG_SIZE
        found.append(memoryview(opener.open_payload(data[SEALED_LENGTH_SIZE:end])))
        data = data[end:]
    return found


def first_frames(opener: RecordOpener, data: memoryview) -> list[Frame]:
    """The frame that leads each record."""
    records = open_records(opener, data)
    return [parse_frame(record, 0)[0] for record in records if record[0] != PADDING]


class RawClient:
    """A client of the test's own on a new link to the world's server."""

    def __init__(self, world: World, key: Key | None = None, framing: FramingSpec | None = None) -> None:
        self.world = world
        self.link = ServerLink(world.host, world.buffers, world.now)
        spec = framing or world.framing
        offer = ClientOffer(world.unix_ms + int(world.now * 1000), supported_ciphers(), spec, spec, bytes(16))
        handshake = ClientHandshake(key or world.keyring.first, offer, world.keys)
        self._give(handshake.message1)
        self.established = handshake.read_message2(self._take())
        self._sealer = RecordSealer(self.established.cipher, self.established.send_secret)
        self._opener = RecordOpener(self.established.cipher, self.established.receive_secret)
        self.error: ProtocolError | None = None

    def say(self, *frames: bytes) -> list[Frame]:
        """Send one record of these frames; returns what leads each record of the answer."""
        try:
            self._give(self._sealer.seal(memoryview(b"".join(frames))))
        except ProtocolError as error:
            self.error = error
            self.link.close()
        return first_frames(self._opener, memoryview(self._take()))

    def _give(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self.link.state is not LinkState.CLOSED:
            view = view[self.link.receive_data(view, self.world.now) :]
            self.world.server.drain(self.link)

    def _take(self) -> bytes:
        taken = bytearray()
        while (data := self.link.data_to_send(self.world.now)) is not None:
            taken += data
            self.link.data_sent(len(data))
        return bytes(taken)


class RawServer:
    """A server of the test's own, which the world's client has dialled to resume a session, or found one (None)."""

    def __init__(self, world: World, session: Session | None) -> None:
        self.world = world
        world.dial(session)
        link = world.client.link
        assert isinstance(link, ClientLink)
        self.link = link
        handshake = ServerHandshake(world.keyring)
        offer = handshake.read_message1(world.client.output())
        answer = ServerAnswer(
            offer.unix_ms, HandshakeStatus.OK, 1, offer.to_server, offer.to_client, world.host.instance
        )
        message2, self.established = handshake.respond(answer, world.keys)
        assert len(message2) == MESSAGE2_SIZE
        world.client.receive(message2)
        self._sealer = RecordSealer(self.established.cipher, self.established.send_secret)
        self._opener = RecordOpener(self.established.cipher, self.established.receive_secret)
        [self.heard] = first_frames(self._opener, memoryview(world.client.output()))

    def say(self, *frames: bytes) -> None:
        """Send one record of these frames."""
        self.world.client.receive(self._sealer.seal(memoryview(b"".join(frames))))
