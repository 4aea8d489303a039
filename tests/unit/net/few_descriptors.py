"""A process with hardly any descriptors that listens; a test talks to it by its standard input and output.

It prints its address, then a line for each log record and each connection. A line `close` closes what it accepted,
`pause` and `resume` are the listener's, `rest` answers once its rest is over twice, `dial` tries to connect to itself,
`end` ends it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import sys

import uvloop

from wormhole_tunnel.net.addresses import SourceAddress, TcpAddress
from wormhole_tunnel.net.dial import Dialer, DialError
from wormhole_tunnel.net.listen import FIRST_REST, Listener
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.tasks import Tasks

ROOM = 4  # connections that can be open at once


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Say(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"log {record.__dict__['event']}")


def leave_room_for(count: int) -> None:
    lowest_free = os.dup(0)
    os.close(lowest_free)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + count, hard))


class Server:
    """Listens, and does what each command says."""

    def __init__(self) -> None:
        self.accepted: list[socket.socket] = []
        self.tasks = Tasks()
        self.listener = Listener.open(TcpAddress("127.0.0.1", 0), self.keep)

    def keep(self, sock: socket.socket, _source: SourceAddress) -> None:
        self.accepted.append(sock)
        say("accepted")

    async def close(self) -> None:
        while self.accepted:
            self.accepted.pop().close()

    async def pause(self) -> None:
        self.listener.pause()

    async def resume(self) -> None:
        self.listener.resume()

    async def rest(self) -> None:
        rested = asyncio.Event()
        asyncio.get_running_loop().call_later(2 * (FIRST_REST + 2 * FIRST_REST), rested.set)
        await rested.wait()
        say("rested")

    async def dial(self) -> None:
        try:
            (await Dialer(Resolver(), self.tasks).dial(self.listener.address, 5.0)).close()
        except DialError as error:
            say(f"dial {error.reason.value}")


async def serve() -> None:
    commands: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for command in os.read(0, 64).decode().split():
            commands.put_nowait(command)

    asyncio.get_running_loop().add_reader(0, read)
    server = Server()
    leave_room_for(ROOM)
    say(str(server.listener.address))
    while (command := await commands.get()) != "end":
        await getattr(server, command)()
    server.listener.close()


if __name__ == "__main__":
    logging.getLogger("wormhole").addHandler(Say())
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[sys.argv[1]]
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve())
