"""The path between the two proxies: a forwarder that copies what passes, and cuts the link when told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from wormhole_tunnel.net.socket_options import reset_on_close

CHUNK: Final = 256 * 1024  # bytes
LOOPBACK: Final = "127.0.0.1"

Tap = Callable[[memoryview], None]  # is shown each piece before it goes on


def listening_socket() -> socket.socket:
    """A non-blocking socket that listens on a free port of the loopback."""
    sock = socket.create_server((LOOPBACK, 0), backlog=128)
    sock.settimeout(0)
    return sock


def port_of(sock: socket.socket) -> int:
    """The local TCP port."""
    port: int = sock.getsockname()[1]
    return port


async def connect(port: int) -> socket.socket:
    """A non-blocking connection to a port of the loopback, without Nagle's delay. Raises OSError."""
    sock = socket.socket()
    sock.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (LOOPBACK, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


async def copy(source: socket.socket, sink: socket.socket, tap: Tap) -> None:
    """Copy until the source ends, then end the sink's input too. Raises OSError."""
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(CHUNK))
    while length := await loop.sock_recv_into(source, buffer):
        piece = buffer[:length]
        tap(piece)
        await loop.sock_sendall(sink, piece)
    sink.shutdown(socket.SHUT_WR)


class Wire:
    """Forwards connections to `target`, a port of the loopback.

    While `recording`, what crosses towards the server proxy is kept in `sent`, and what comes back in `returned`.
    While `down`, nothing comes through: who connects is reset at once.
    """

    def __init__(self, target: int) -> None:
        self.down = False
        self.linked = asyncio.Event()  # a link stands
        self.recording = False
        self.sent = bytearray()
        self.returned = bytearray()
        self._target = target
        self._listening = listening_socket()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where the client proxy has to connect to."""
        return port_of(self._listening)

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        with self._listening:
            async with asyncio.TaskGroup() as group:
                while True:
                    near, _ = await loop.sock_accept(self._listening)
                    task = group.create_task(self._carry(near))
                    self._open.add(task)
                    task.add_done_callback(self._open.discard)

    def cut(self) -> None:
        """Reset every link, whatever is on its way, and let no new one through."""
        self.down = True
        self.linked.clear()
        for task in self._open:
            task.cancel()

    def repair(self) -> None:
        """Let links through again."""
        self.down = False

    async def _carry(self, near: socket.socket) -> None:
        with near:
            reset_on_close(near)
            if self.down:
                return
            with contextlib.suppress(OSError), await connect(self._target) as far:
                reset_on_close(far)
                self.linked.set()
                await self._copy_both_ways(near, far)

    async def _copy_both_ways(self, near: socket.socket, far: socket.socket) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(copy(near, far, lambda piece: self._record(self.sent, piece)))
                group.create_task(copy(far, near, lambda piece: self._record(self.returned, piece)))
        except* OSError:  # one side is gone: so is the link
            pass

    def _record(self, record: bytearray, piece: memoryview) -> None:
        if self.recording:
            record += piece
