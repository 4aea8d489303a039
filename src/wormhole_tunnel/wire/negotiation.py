"""What the two handshake messages say: the client's offer and the server's answer (docs/protocol.md, Handshake)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from wormhole_tunnel.errors import HandshakeError

PAYLOAD_SIZE: Final = 64
INSTANCE_SIZE: Final = 16
ANY_INSTANCE: Final = bytes(INSTANCE_SIZE)

_OFFER: Final = struct.Struct(">QB BII BII 16s 21x")
_ANSWER: Final = struct.Struct(">QBB BII BII 16s 20x")


class FramingMode(IntEnum):
    """How records are sized and timed (docs/protocol.md, Framing)."""

    PADDED = 0
    BUFFERED = 1
    EXACT = 2
    CONSTANT = 3


class HandshakeStatus(IntEnum):
    """The server's verdict on an offer. Any but OK ends the link after the second message."""

    OK = 0
    FRAMING_REFUSED = 1
    CLOCK = 2
    DRAINING = 3
    BUSY = 4


@dataclass(frozen=True, slots=True)
class FramingSpec:
    """The framing of one direction: quantum in bytes, interval of constant framing in microseconds."""

    mode: FramingMode
    quantum: int
    interval_us: int = 0


@dataclass(frozen=True, slots=True)
class ClientOffer:
    """The payload of message 1. Replayable and not forward secret: it holds no secret and no name.

    `unix_ms` is the client's clock, `ciphers` a bitmap of `CIPHER_...`, `wanted_instance` 16 bytes (zeros: any server).
    """

    unix_ms: int
    ciphers: int
    to_server: FramingSpec
    to_client: FramingSpec
    wanted_instance: bytes = ANY_INSTANCE

    def pack(self) -> bytes:
        """The 64 bytes."""
        return _OFFER.pack(
            self.unix_ms, self.ciphers, *_fields(self.to_server), *_fields(self.to_client), self.wanted_instance
        )

    @classmethod
    def unpack(cls, payload: bytes) -> ClientOffer:
        """The offer that packs to these bytes. HandshakeError when there is none."""
        unix_ms, ciphers, *framing, wanted_instance = _unpack(_OFFER, payload)
        return cls(unix_ms, ciphers, _framing(*framing[:3]), _framing(*framing[3:]), wanted_instance)


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The payload of message 2; the framing is the offer's, echoed.

    `unix_ms` is the server's clock, `cipher` the `CIPHER_...` chosen, `instance` 16 bytes, random for each process.
    """

    unix_ms: int
    status: HandshakeStatus
    cipher: int
    to_server: FramingSpec
    to_client: FramingSpec
    instance: bytes

    def pack(self) -> bytes:
        """The 64 bytes."""
        return _ANSWER.pack(
            self.unix_ms, self.status, self.cipher, *_fields(self.to_server), *_fields(self.to_client), self.instance
        )

    @classmethod
    def unpack(cls, payload: bytes) -> ServerAnswer:
        """The answer that packs to these bytes. HandshakeError when there is none."""
        unix_ms, status, cipher, *framing, instance = _unpack(_ANSWER, payload)
        to_server, to_client = _framing(*framing[:3]), _framing(*framing[3:])
        return cls(unix_ms, _status(status), cipher, to_server, to_client, instance)


def _fields(framing: FramingSpec) -> tuple[int, int, int]:
    return framing.mode, framing.quantum, framing.interval_us


def _unpack(layout: struct.Struct, payload: bytes) -> tuple[Any, ...]:
    if len(payload) != PAYLOAD_SIZE:
        raise HandshakeError("a handshake payload of another size than 64 bytes")
    fields = layout.unpack(payload)
    if layout.pack(*fields) != payload:
        raise HandshakeError("a handshake payload whose reserved bytes are not zero")
    return fields


def _framing(mode: int, quantum: int, interval_us: int) -> FramingSpec:
    try:
        return FramingSpec(FramingMode(mode), quantum, interval_us)
    except ValueError as error:
        raise HandshakeError(f"a framing mode that is not known here: {mode}") from error


def _status(status: int) -> HandshakeStatus:
    try:
        return HandshakeStatus(status)
    except ValueError as error:
        raise HandshakeError(f"a handshake status that is not known here: {status}") from error
