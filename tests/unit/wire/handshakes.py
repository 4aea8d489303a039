"""Keys, offers and answers that the tests of the handshake share."""

from __future__ import annotations

from tests.support.seeded import SeededKeys
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.wire.handshake import ClientHandshake, Established, ServerHandshake
from wormhole_tunnel.wire.negotiation import ClientOffer, FramingMode, FramingSpec, HandshakeStatus, ServerAnswer

KEY = Key("alice", b"A" * 32)
RING = Keyring((Key("bob", b"B" * 32), KEY, Key("carol", b"C" * 32)))
CLIENT_KEYS = SeededKeys(b"\x01" * 32, b"\x02" * 64)
SERVER_KEYS = SeededKeys(b"\x03" * 32, b"\x04" * 64)
UNIX_MS = 1_800_000_000_000
PADDED = FramingSpec(FramingMode.PADDED, 1024)
CONSTANT = FramingSpec(FramingMode.CONSTANT, 4096, 50_000)
OFFER = ClientOffer(UNIX_MS, 3, PADDED, CONSTANT, b"w" * 16)
ANSWER = ServerAnswer(UNIX_MS + 5, HandshakeStatus.OK, 2, PADDED, CONSTANT, b"i" * 16)


def new_client(offer: ClientOffer = OFFER) -> ClientHandshake:
    """A client with the key `alice`; its message 1 is the same each time."""
    return ClientHandshake(KEY, offer, CLIENT_KEYS)


def respond_to(message1: bytes, answer: ServerAnswer = ANSWER) -> tuple[bytes, Established]:
    """The server's answer, message and secrets."""
    server = ServerHandshake(RING)
    server.read_message1(message1)
    return server.respond(answer, SERVER_KEYS)
