"""Frames: the unit inside a record. Building and bounds-checked parsing, nothing else (docs/protocol.md, Frames).

A frame is one byte of code and its fields, big-endian. Frames never span records. Codes from `FIRST_RELIABLE` on are
counted, acknowledged and sent again after a resumption; their number is never on the wire.

Parsing (`parser.py` beside this) yields these frozen objects, except for DATA, the hot path, which has none.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, TypeAlias

from wormhole_tunnel.limits import MAX_SERVICE_NAME


class FrameType(IntEnum):
    """The code of a frame, its first byte."""

    PADDING = 0x00
    HELLO = 0x01
    RESUME = 0x02
    RESUMED = 0x03
    NO_SESSION = 0x04
    ACK = 0x05
    PING = 0x06
    PONG = 0x07
    OPEN = 0x10
    OPENED = 0x11
    DATA = 0x12
    FIN = 0x13
    RST = 0x14
    WINDOW = 0x15
    GOAWAY = 0x16
    CLOSE = 0x17


FIRST_RELIABLE: Final = 0x10

# The hot path compares plain integers: an enum member costs a look-up each time.
PADDING: Final = int(FrameType.PADDING)
DATA: Final = int(FrameType.DATA)


class ResetCode(IntEnum):
    """Why a stream was reset; also CLOSE's code for a session."""

    RESET = 0
    REFUSED = 1
    UNREACHABLE = 2
    TIMEOUT = 3
    NAME = 4
    DENIED = 5
    LIMIT = 6
    DRAINING = 7
    SESSION_LOST = 8
    PROTOCOL = 9


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a proxied connection came from: an IP address and a port, for OPEN."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Hello:
    """What one end brings to a new session; the first frame on its first link, both ways."""

    features: int
    resume_timeout: int  # seconds; 0 is off
    initial_window: int  # bytes of credit each stream starts with
    max_streams: int


@dataclass(frozen=True, slots=True)
class Resume:
    """The client asks to go on with a session: `session_id` 16 bytes, `mac` 32, `rx_next` the next frame expected."""

    session_id: bytes
    generation: int
    rx_next: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class Resumed:
    """The server goes on with the session; `mac` 32 bytes, `rx_next` the next reliable frame it expects."""

    generation: int
    rx_next: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class NoSession:
    """The server does not know the session."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Every reliable frame below `rx_next` has been applied."""

    rx_next: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a PONG with the same token."""

    token: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers the PING with this token."""

    token: int


@dataclass(frozen=True, slots=True)
class Open:
    """A new stream (client): the service's name, empty for the only one, and where the connection came from."""

    stream: int
    service: str
    source: SourceAddress | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream's upstream connection stands (server)."""

    stream: int


@dataclass(frozen=True, slots=True)
class Fin:
    """The clean end of the sender's half, after exactly `final_offset` bytes."""

    stream: int
    final_offset: int


@dataclass(frozen=True, slots=True)
class Rst:
    """The end of both halves, with the reason."""

    stream: int
    code: ResetCode


@dataclass(frozen=True, slots=True)
class Window:
    """New credit for the receiver of this frame."""

    stream: int
    limit: int  # absolute offset up to which the peer may send


@dataclass(frozen=True, slots=True)
class GoAway:
    """No stream above `last_stream` will be accepted."""

    last_stream: int


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the session, behind all else."""

    code: ResetCode


Frame: TypeAlias = (
    Hello | Resume | Resumed | NoSession | Ack | Ping | Pong
    | Open | Opened | Fin | Rst | Window | GoAway | Close
)  # fmt: skip

HELLO_LAYOUT: Final = struct.Struct(">BIIII")
RESUME_LAYOUT: Final = struct.Struct(">B16sIQ32s")
RESUMED_LAYOUT: Final = struct.Struct(">BIQ32s")
U64_LAYOUT: Final = struct.Struct(">BQ")
STREAM_LAYOUT: Final = struct.Struct(">BI")
STREAM_U64_LAYOUT: Final = struct.Struct(">BIQ")
STREAM_U8_LAYOUT: Final = struct.Struct(">BIB")
CLOSE_LAYOUT: Final = struct.Struct(">BB")
DATA_LAYOUT: Final = struct.Struct(">BIBH")  # struct has no u24: the length is written in two parts
_PORT: Final = struct.Struct(">H")

DATA_HEADER: Final = 8


def pack_hello(hello: Hello) -> bytes:
    """HELLO, 17 bytes."""
    return HELLO_LAYOUT.pack(
        FrameType.HELLO, hello.features, hello.resume_timeout, hello.initial_window, hello.max_streams
    )


def pack_resume(resume: Resume) -> bytes:
    """RESUME, 61 bytes."""
    return RESUME_LAYOUT.pack(FrameType.RESUME, resume.session_id, resume.generation, resume.rx_next, resume.mac)


def pack_resumed(resumed: Resumed) -> bytes:
    """RESUMED, 45 bytes."""
    return RESUMED_LAYOUT.pack(FrameType.RESUMED, resumed.generation, resumed.rx_next, resumed.mac)


def pack_no_session() -> bytes:
    """NO_SESSION, 1 byte."""
    return bytes([FrameType.NO_SESSION])


def pack_ack(rx_next: int) -> bytes:
    """ACK, 9 bytes."""
    return U64_LAYOUT.pack(FrameType.ACK, rx_next)


def pack_ping(token: int) -> bytes:
    """PING, 9 bytes."""
    return U64_LAYOUT.pack(FrameType.PING, token)


def pack_pong(token: int) -> bytes:
    """PONG, 9 bytes."""
    return U64_LAYOUT.pack(FrameType.PONG, token)


def pack_open(stream: int, service: str = "", source: SourceAddress | None = None) -> bytes:
    """OPEN; raises ValueError for a service name of more than 255 bytes or a source that is no IP address."""
    name = service.encode()
    if len(name) > MAX_SERVICE_NAME:
        raise ValueError("a service name is at most 255 bytes")
    return STREAM_LAYOUT.pack(FrameType.OPEN, stream) + bytes([len(name)]) + name + _pack_source(source)


def _pack_source(source: SourceAddress | None) -> bytes:
    if source is None:
        return b"\x00"
    packed = packed_host(source.host)
    return bytes([4 if len(packed) == 4 else 6]) + packed + _PORT.pack(source.port)


@lru_cache(1024)  # the same few clients come again and again, and the standard library parses in Python
def packed_host(host: str) -> bytes:
    """A numeric host in network order: 4 or 16 bytes. ValueError for anything else."""
    return ipaddress.ip_address(host).packed


def pack_opened(stream: int) -> bytes:
    """OPENED, 5 bytes."""
    return STREAM_LAYOUT.pack(FrameType.OPENED, stream)


def pack_data_header_into(buffer: memoryview, position: int, stream: int, length: int) -> None:
    """Write the eight bytes that precede DATA's payload at `position`."""
    DATA_LAYOUT.pack_into(buffer, position, DATA, stream, length >> 16, length & 0xFFFF)


def pack_fin(stream: int, final_offset: int) -> bytes:
    """FIN, 13 bytes."""
    return STREAM_U64_LAYOUT.pack(FrameType.FIN, stream, final_offset)


def pack_rst(stream: int, code: ResetCode) -> bytes:
    """RST, 6 bytes."""
    return STREAM_U8_LAYOUT.pack(FrameType.RST, stream, code)


def pack_window(stream: int, limit: int) -> bytes:
    """WINDOW, 13 bytes; `limit` is the absolute offset up to which the peer may send."""
    return STREAM_U64_LAYOUT.pack(FrameType.WINDOW, stream, limit)


def pack_goaway(last_stream: int) -> bytes:
    """GOAWAY, 5 bytes."""
    return STREAM_LAYOUT.pack(FrameType.GOAWAY, last_stream)


def pack_close(code: ResetCode) -> bytes:
    """CLOSE, 2 bytes."""
    return CLOSE_LAYOUT.pack(FrameType.CLOSE, code)
