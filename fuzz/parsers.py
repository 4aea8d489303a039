"""Targets: each parser by itself. Only the error that its docstring names may come out."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from fuzz.source import Source
from tests.support.seeded import SeededKeys
from wormhole_tunnel.crypto.aead import CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305, supported_ciphers
from wormhole_tunnel.errors import AddressError, FrameError, HandshakeError, KeyFileError, RecordError, UsageError
from wormhole_tunnel.keys.keyfile import dump_keyring, load_keyring
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.legacy.errors import LegacyError
from wormhole_tunnel.legacy.link import LegacyLink
from wormhole_tunnel.legacy.seen import SeenHeaders
from wormhole_tunnel.net.addresses import parse_address, parse_address_list
from wormhole_tunnel.observe.log_filter import parse_filter
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.inbox import Inbox
from wormhole_tunnel.wire import frames, handshake
from wormhole_tunnel.wire.handshake import (
    ClientHandshake,
    ClientOffer,
    FramingMode,
    FramingSpec,
    HandshakeStatus,
    ServerAnswer,
    ServerHandshake,
)
from wormhole_tunnel.wire.parser import parse_data, parse_frame
from wormhole_tunnel.wire.records import RecordOpener, RecordSealer

_KEY: Final = Key("default", bytes(range(32)))
_SPEC: Final = FramingSpec(FramingMode.PADDED, 1024)
_OFFER: Final = ClientOffer(1_700_000_000_000, supported_ciphers(), _SPEC, _SPEC)
_ANSWER: Final = ServerAnswer(1_700_000_000_000, HandshakeStatus.OK, CIPHER_CHACHA20_POLY1305, _SPEC, _SPEC, b"i" * 16)
_CLIENT: Final = ClientHandshake(_KEY, _OFFER, SeededKeys())


def key_file(data: bytes) -> None:
    """A key file's text; what is read and written again is the same."""
    with suppress(KeyFileError):
        keyring = load_keyring(data.decode("utf-8", "surrogateescape"), "key.yaml")
        again = load_keyring(dump_keyring(keyring), "key.yaml")
        assert [(key.name, key.secret) for key in again] == [(key.name, key.secret) for key in keyring]


def message1(data: bytes) -> None:
    """A first message: changed anywhere, with a tag that verifies all the same where the input says so."""
    source = Source(data)
    with_valid_tag = source.below(2)
    message = source.changed(_CLIENT.message1)
    if with_valid_tag:
        sealed = message[handshake.HINT_SIZE :]
        message = handshake._hint_tag(_KEY.hint_key, handshake._hinted_digest(sealed)) + sealed
    with suppress(HandshakeError):
        assert ServerHandshake(Keyring((_KEY,))).read_message1(message) == _OFFER
        assert message == _CLIENT.message1


def message2(data: bytes) -> None:
    """A second message, changed anywhere."""
    server = ServerHandshake(Keyring((_KEY,)))
    server.read_message1(_CLIENT.message1)
    genuine, _ = server.respond(_ANSWER, SeededKeys())
    message = Source(data).changed(genuine)
    client = ClientHandshake(_KEY, _OFFER, SeededKeys())
    with suppress(HandshakeError):
        client.read_message2(message)
        assert message == genuine


def payloads(data: bytes) -> None:
    """What a holder of the key puts into the handshake; what is understood packs to the same bytes."""
    source = Source(data)
    kind = (ClientOffer, ServerAnswer)[source.below(2)]
    payload = source.rest()
    with suppress(HandshakeError):
        assert kind.unpack(payload).pack() == payload


def answers(data: bytes) -> None:
    """A server that holds the key and answers anything."""
    server = ServerHandshake(Keyring((_KEY,)))
    server.read_message1(_CLIENT.message1)
    payload = data[:64].ljust(64, b"\0")
    message = server._noise.write_message(payload, SeededKeys())
    client = ClientHandshake(_KEY, _OFFER, SeededKeys())
    with suppress(HandshakeError):
        established = client.read_message2(message)
        answer = established.answer
        assert answer.pack() == payload
        assert answer.status is HandshakeStatus.OK
        assert answer.cipher in (CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305)
        assert (answer.to_server, answer.to_client) == (_SPEC, _SPEC)


def records(data: bytes) -> None:
    """Sealed records, changed anywhere and received in any pieces: what comes out is what went in, from the front."""
    source = Source(data)
    secret = bytes(range(44))
    sealer = RecordSealer(CIPHER_AES_256_GCM, secret)
    said = [source.piece() for _ in range(source.below(8))]
    wire = b"".join(sealer.seal(memoryview(payload)) for payload in said)
    wire = source.changed(wire or b"\0")
    buffers = Buffers()
    inbox = Inbox(buffers, RecordOpener(CIPHER_AES_256_GCM, secret))
    heard: list[bytes] = []
    with suppress(RecordError):
        while wire:
            size = min(1 + source.integer(1), len(wire))
            inbox.space()[:size] = wire[:size]
            inbox.filled(size)
            wire = wire[size:]
            while (payload := inbox.next_record()) is not None:
                heard.append(bytes(payload))
                inbox.record_applied()
    assert heard == said[: len(heard)]
    inbox.close()
    assert buffers.used == 0


def record_frames(data: bytes) -> None:
    """A record's payload, frame by frame: the position always rises, and never leaves the record."""
    record = memoryview(data)
    position = 0
    with suppress(FrameError):
        while position < len(record) and record[position] != frames.PADDING:
            if record[position] == frames.DATA:
                _, start, end = parse_data(record, position)
                assert position < start <= end <= len(record)
            else:
                _, end = parse_frame(record, position)
                assert position < end <= len(record)
            position = end


def addresses(data: bytes) -> None:
    """An address as it is typed; what is understood is understood again as it is shown."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(AddressError):
        address = parse_address(text)
        assert parse_address(str(address)) == address
    with suppress(AddressError):
        assert parse_address_list(text)


def log_filter(data: bytes) -> None:
    """A log filter; what follows a slash is left to Python's own parser of regular expressions, in short."""
    text = data.decode("utf-8", "surrogateescape")
    head, slash, expression = text.partition("/")
    with suppress(UsageError):
        parse_filter(head + slash + expression[:20]).level_of("wormhole.net")


def legacy_link(data: bytes) -> None:
    """The legacy transport's messages, changed anywhere, in any pieces: what comes out is what went in, from the front."""
    source = Source(data)
    said = source.piece() * (1 + source.below(4))
    sender = LegacyLink(_KEY.secret, SeenHeaders(), bytes(24))
    wire = source.changed(sender.header + (sender.seal(memoryview(said)) if said else b""))
    receiver = LegacyLink(_KEY.secret, SeenHeaders(), bytes(range(24)))
    heard = b""
    with suppress(LegacyError):
        while wire:
            size = min(1 + source.integer(1), len(wire))
            heard += receiver.receive_data(memoryview(wire[:size]))
            wire = wire[size:]
        receiver.receive_eof()
    assert said.startswith(heard)
