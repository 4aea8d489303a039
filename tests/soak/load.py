"""Clients of an echo server, of the kinds that a tunnel meets: short, bulky, slow, and rude."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Awaitable, Callable

BULK = 1 << 20  # bytes
SLOW_PIECES = 20
SLOW_PAUSE = 0.01  # seconds


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection: say what was said, to its end."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def exchange(port: int, message: bytes) -> None:
    """Send a message, end the sending half, and expect exactly the message back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(message)
        writer.write_eof()
        received = await reader.read(-1)
        assert received == message, f"{len(received)} bytes came back for {len(message)}"
    finally:
        writer.close()


async def short(port: int) -> None:
    """A few bytes."""
    await exchange(port, os.urandom(random.randint(1, 200)))


async def bulky(port: int) -> None:
    """A message far larger than any window at first."""
    await exchange(port, os.urandom(BULK))


async def slow(port: int) -> None:
    """Ask for much, and take it in small pieces with pauses."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(bytes(BULK // 4))
        writer.write_eof()
        for _ in range(SLOW_PIECES):
            await reader.read(1024)
            await asyncio.sleep(SLOW_PAUSE)
        rest = await reader.read(-1)
        assert rest
    finally:
        writer.close()


async def halting(port: int) -> None:
    """Say much in small pieces with pauses, and take the answer when it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        said = 0
        for _ in range(SLOW_PIECES):
            writer.write(os.urandom(1000))
            said += 1000
            await asyncio.sleep(SLOW_PAUSE)
        writer.write_eof()
        assert len(await reader.read(-1)) == said
    finally:
        writer.close()


async def rude(port: int) -> None:
    """Begin, and reset the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(os.urandom(5000))
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


CLIENTS: tuple[Callable[[int], Awaitable[None]], ...] = (short, short, short, bulky, slow, halting, rude)


async def keep_busy(port: int, until: float, clients: int) -> int:
    """Run `clients` at a time, each kind in turn, until the loop's clock says `until`; returns how many there were."""
    loop = asyncio.get_running_loop()
    served = 0

    async def one_after_the_other(first: int) -> None:
        nonlocal served
        turn = first
        while loop.time() < until:
            await CLIENTS[turn % len(CLIENTS)](port)
            turn += 1
            served += 1

    async with asyncio.TaskGroup() as group:
        for first in range(clients):
            group.create_task(one_after_the_other(first))
    return served
