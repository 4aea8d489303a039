"""Well-formed frames with any numbers in them, as the input says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fuzz.source import Source
from tests.engine.hostile import data_frame
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode


def number(source: Source, size: int) -> int:
    """Mostly a small one, sometimes any of `size` bytes."""
    choice = source.integer(1)
    return source.integer(size) if choice >= 0xF0 else choice % 16


def _u32(source: Source) -> int:
    return number(source, 4)


def _u64(source: Source) -> int:
    return number(source, 8)


def _code(source: Source) -> ResetCode:
    return ResetCode(source.below(len(ResetCode)))


def _service(source: Source) -> str:
    return source.take(source.below(9)).decode("utf-8", "replace")


_FRAMES: Final[tuple[Callable[[Source, bytes], bytes], ...]] = (
    lambda source, _: frames.pack_hello(frames.Hello(_u32(source), _u32(source), _u32(source), _u32(source))),
    lambda source, sid: frames.pack_resume(frames.Resume(sid, _u32(source), _u64(source), bytes(32))),
    lambda source, _: frames.pack_resumed(frames.Resumed(_u32(source), _u64(source), bytes(32))),
    lambda _source, _: frames.pack_no_session(),
    lambda source, _: frames.pack_ack(_u64(source)),
    lambda source, _: frames.pack_ping(_u64(source)),
    lambda source, _: frames.pack_pong(_u64(source)),
    lambda source, _: frames.pack_open(_u32(source), _service(source), None),
    lambda source, _: frames.pack_opened(_u32(source)),
    lambda source, _: frames.pack_fin(_u32(source), _u64(source)),
    lambda source, _: frames.pack_rst(_u32(source), _code(source)),
    lambda source, _: frames.pack_window(_u32(source), _u64(source)),
    lambda source, _: frames.pack_goaway(_u32(source)),
    lambda source, _: frames.pack_close(_code(source)),
    lambda source, _: data_frame(_u32(source), bytes(source.integer(2))),
)


def hand_made_frame(source: Source, session_id: bytes) -> bytes:
    """One frame; `session_id` is what a RESUME asks for."""
    return _FRAMES[source.below(len(_FRAMES))](source, session_id)
