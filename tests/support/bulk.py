"""Many bytes through a tunnel at once, and their hashes; the echo server is of the same event loop."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import uvloop

from tests.support.servers import CHUNK, pieces
from tests.support.tunnel import Tunnel

_BACKLOG = 1024

_T = TypeVar("_T")


async def echo_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what is said, to its end."""
    while data := await reader.read(4 * CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()


def with_echo(folder: Path, work: Callable[[Tunnel], Awaitable[_T]]) -> _T:
    """Do something with a tunnel to an echo server of this event loop."""

    async def scenario() -> _T:
        async with await asyncio.start_server(echo_stream, "127.0.0.1", 0, backlog=_BACKLOG) as server:
            port = server.sockets[0].getsockname()[1]
            with Tunnel(folder, f"127.0.0.1:{port}") as tunnel:
                return await work(tunnel)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scenario())


async def _send(writer: asyncio.StreamWriter, seed: int, size: int) -> bytes:
    total = hashlib.sha256()
    for piece in pieces(seed, size):
        total.update(piece)
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
    return total.digest()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    total = hashlib.sha256()
    while piece := await reader.read(4 * CHUNK):
        total.update(piece)
    return total.digest()


async def transfer(port: int, seed: int, size: int) -> bool:
    """Send so many bytes, a multiple of CHUNK, to an echo server; whether the same came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent, received = await asyncio.gather(_send(writer, seed, size), _receive(reader))
    writer.close()
    return sent == received
