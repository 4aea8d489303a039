"""Three things that people do over a tunnel, each the same at every run: typing, requests to Redis, a download.

Each is given the client's end of a connection to `serve`, which answers by the first byte that it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Final

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

SENTENCE: Final = b"SELECT name FROM users WHERE id = 42;\n"
DOWNLOAD_SIZE: Final = 512 * 1024
_REQUESTS: Final = 60
_PACE: Final = (0.05, 0.09, 0.04, 0.12, 0.06, 0.03, 0.10)  # seconds between keys
_ANSWERS: Final = (5, 300, 40, 9_000, 5, 2_000, 40, 300)  # bytes
_ECHO, _VALUES, _BULK = b"e", b"v", b"b"


@dataclass(frozen=True, slots=True)
class Workload:
    """A name for the picture, and what the client does; it returns when the last answer is there."""

    name: str
    run: Callable[[Reader, Writer], Awaitable[None]]


async def typing(reader: Reader, writer: Writer) -> None:
    """A sentence, key by key at a person's pace, each key echoed."""
    writer.write(_ECHO)
    for key, pause in zip(SENTENCE, cycle(_PACE), strict=False):
        await asyncio.sleep(pause)
        writer.write(bytes([key]))
        await reader.readexactly(1)


async def requests(reader: Reader, writer: Writer) -> None:
    """Small requests whose answers have very different sizes, a few at a time, then a pause."""
    writer.write(_VALUES)
    for number, size in zip(range(_REQUESTS), cycle(_ANSWERS), strict=False):
        writer.write(size.to_bytes(4) + b"GET user:%06d" % number)
        await reader.readexactly(size)
        if number % 6 == 5:
            await asyncio.sleep(0.25)


async def download(reader: Reader, writer: Writer) -> None:
    """A second of nothing, half a megabyte, and nothing again."""
    writer.write(_BULK)
    await asyncio.sleep(1.0)
    writer.write(DOWNLOAD_SIZE.to_bytes(4))
    await reader.readexactly(DOWNLOAD_SIZE)
    await asyncio.sleep(0.5)


WORKLOADS: Final = (
    Workload("typing", typing),
    Workload("Redis requests", requests),
    Workload("a download", download),
)


async def serve(reader: Reader, writer: Writer) -> None:
    """The server's end of each of them, until the client goes away."""
    with contextlib.suppress(ConnectionError):
        await _answer(await reader.read(1), reader, writer)
    writer.close()


async def _answer(kind: bytes, reader: Reader, writer: Writer) -> None:
    if kind == _ECHO:
        while key := await reader.read(1):
            writer.write(key)
    elif kind == _VALUES:
        while request := await _exactly(reader, 4 + len(b"GET user:000000")):
            writer.write(bytes(int.from_bytes(request[:4])))
    elif kind == _BULK and (size := await _exactly(reader, 4)):
        writer.write(bytes(int.from_bytes(size)))
        await writer.drain()


async def _exactly(reader: Reader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        return b""
