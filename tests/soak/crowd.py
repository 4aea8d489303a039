"""A crowd of clients as a process of its own, since one process may not have descriptors enough for all of them.

python -m tests.soak.crowd hold PORT COUNT    connect them all, say `ready`, wait for a line, talk again
python -m tests.soak.crowd churn PORT COUNT   one after the other, a few at a time
python -m tests.soak.crowd echo PORT          the server of them all, until its standard input ends
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Final, cast

import uvloop

_WORD = b"sixteen bytes..."
_AT_A_TIME = 50


class Client:
    """One connection to an echo server."""

    async def connect(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        await self.talk()

    async def talk(self) -> None:
        """Say something and hear it."""
        self._writer.write(_WORD)
        assert await self._reader.readexactly(len(_WORD)) == _WORD

    async def end(self) -> None:
        """The clean way."""
        self._writer.write_eof()
        assert await self._reader.read() == b""
        self._writer.close()


async def hold(port: int, count: int) -> None:
    clients = [Client() for _ in range(count)]
    for first in range(0, count, _AT_A_TIME):
        await asyncio.gather(*(client.connect(port) for client in clients[first : first + _AT_A_TIME]))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for first in range(0, count, _AT_A_TIME):
        await asyncio.gather(*(client.talk() for client in clients[first : first + _AT_A_TIME]))
    await asyncio.gather(*(client.end() for client in clients))


async def churn(port: int, count: int) -> None:
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in numbers:
            client = Client()
            await client.connect(port)
            await client.end()

    await asyncio.gather(*(one_after_the_other() for _ in range(_AT_A_TIME)))


class Echo(asyncio.Protocol):
    """Says what is said, to its end; a protocol, since ten thousand streams would take a gigabyte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def echo(port: int) -> None:
    loop = asyncio.get_running_loop()
    async with await loop.create_server(Echo, "127.0.0.1", port, backlog=4096):
        await asyncio.to_thread(sys.stdin.read)


_WHAT: Final[dict[str, Callable[..., Awaitable[None]]]] = {"hold": hold, "churn": churn, "echo": echo}


async def run(what: str, *numbers: str) -> None:
    await _WHAT[what](*map(int, numbers))


def main() -> None:
    """The command."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(run(*sys.argv[1:]))


if __name__ == "__main__":
    main()
