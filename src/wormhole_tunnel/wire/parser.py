"""Reading frames out of an opened record, with every bound checked.

Whatever the bytes, the only error that comes out is `FrameError`; its text names the frame's code and never its payload.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from wormhole_tunnel.errors import FrameError
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import Frame, FrameType, ResetCode, SourceAddress

_Reader: TypeAlias = Callable[[memoryview, int], tuple[Frame, int]]

_PORT: Final = struct.Struct(">H")
_DATA_SIZE: Final = frames.DATA_HEADER


def parse_data(record: memoryview, position: int) -> tuple[int, int, int]:
    """The stream of the DATA frame that begins at `position`, and where its payload starts and ends in the record.

    Raises FrameError when it does not end in the record.
    """
    start = position + _DATA_SIZE
    if start > len(record):
        raise FrameError("a DATA frame is cut off in its header")
    _, stream, high, low = frames.DATA_LAYOUT.unpack_from(record, position)
    end = start + (high << 16) + low
    if end > len(record):
        raise FrameError("a DATA frame is longer than its record")
    return stream, start, end


def parse_frame(record: memoryview, position: int) -> tuple[Frame, int]:
    """The frame that begins at `position` (neither padding nor DATA), and the position behind it.

    `position` lies in the record. Raises FrameError for an unknown code, and for a frame that does not end in the record.
    """
    code = record[position]
    reader = _READERS.get(code)
    if reader is None:
        raise FrameError(f"unknown frame 0x{code:02x}")
    try:
        return reader(record, position)
    except struct.error:
        raise FrameError(f"a {FrameType(code).name} frame is cut off") from None


def stream_of(record: bytes | memoryview, position: int) -> int | None:
    """The stream of the numbered frame that begins at `position`; None for one that is of the whole session."""
    if record[position] in (FrameType.GOAWAY, FrameType.CLOSE):
        return None
    stream: int = frames.STREAM_LAYOUT.unpack_from(record, position)[1]
    return stream


def frame_end(record: memoryview, position: int) -> int:
    """The position behind the frame that begins at `position`. Raises FrameError."""
    if record[position] == frames.DATA:
        return parse_data(record, position)[2]
    return parse_frame(record, position)[1]


def _reset_code(value: int) -> ResetCode:
    """A code from the future still resets: what it says is then unknown, that it ends is not."""
    try:
        return ResetCode(value)
    except ValueError:
        return ResetCode.RESET


def _fixed(build: Callable[..., Frame], layout: struct.Struct) -> _Reader:
    """A reader for a frame whose fields are its layout's, in order."""

    def read(record: memoryview, position: int) -> tuple[Frame, int]:
        return build(*layout.unpack_from(record, position)[1:]), position + layout.size

    return read


def _no_session(_record: memoryview, position: int) -> tuple[Frame, int]:
    return frames.NoSession(), position + 1


def _rst(stream: int, code: int) -> Frame:
    return frames.Rst(stream, _reset_code(code))


def _close(code: int) -> Frame:
    return frames.Close(_reset_code(code))


def _read_open(record: memoryview, position: int) -> tuple[Frame, int]:
    _, stream = frames.STREAM_LAYOUT.unpack_from(record, position)
    name_size, name_start = _read_u8(record, position + frames.STREAM_LAYOUT.size)
    name_end = name_start + name_size
    source, end = _read_source(record, name_end)
    try:
        service = str(record[name_start:name_end], "utf-8")
    except UnicodeDecodeError:
        raise FrameError("an OPEN frame's service is not UTF-8") from None
    return frames.Open(stream, service, source), end


def _read_u8(record: memoryview, position: int) -> tuple[int, int]:
    if position >= len(record):
        raise FrameError("an OPEN frame is cut off")
    return record[position], position + 1


def _read_source(record: memoryview, position: int) -> tuple[SourceAddress | None, int]:
    family, start = _read_u8(record, position)
    if family == 0:
        return None, start
    if family not in (4, 6):
        raise FrameError(f"an OPEN frame's source has unknown family {family}")
    end = start + (4 if family == 4 else 16)
    (port,) = _PORT.unpack_from(record, end)
    host = ipaddress.ip_address(bytes(record[start:end]))
    return SourceAddress(str(host), port), end + _PORT.size


_READERS: Final[dict[int, _Reader]] = {
    FrameType.HELLO: _fixed(frames.Hello, frames.HELLO_LAYOUT),
    FrameType.RESUME: _fixed(frames.Resume, frames.RESUME_LAYOUT),
    FrameType.RESUMED: _fixed(frames.Resumed, frames.RESUMED_LAYOUT),
    FrameType.NO_SESSION: _no_session,
    FrameType.ACK: _fixed(frames.Ack, frames.U64_LAYOUT),
    FrameType.PING: _fixed(frames.Ping, frames.U64_LAYOUT),
    FrameType.PONG: _fixed(frames.Pong, frames.U64_LAYOUT),
    FrameType.OPEN: _read_open,
    FrameType.OPENED: _fixed(frames.Opened, frames.STREAM_LAYOUT),
    FrameType.FIN: _fixed(frames.Fin, frames.STREAM_U64_LAYOUT),
    FrameType.RST: _fixed(_rst, frames.STREAM_U8_LAYOUT),
    FrameType.WINDOW: _fixed(frames.Window, frames.STREAM_U64_LAYOUT),
    FrameType.GOAWAY: _fixed(frames.GoAway, frames.STREAM_LAYOUT),
    FrameType.CLOSE: _fixed(_close, frames.CLOSE_LAYOUT),
}
