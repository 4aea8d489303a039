"""Plain TCP ends for the tests of the proxies: an own server, clients, and what they see at the end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

from wormhole_tunnel.net.addresses import Address, TcpAddress

_T = TypeVar("_T")


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be set forward, so that no test waits for a timer."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0.0

    def time(self) -> float:
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        self._skipped += seconds


def run(scenario: Coroutine[object, object, _T]) -> _T:
    """Run one scenario in a loop of its own."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(scenario)


async def skip(seconds: float) -> None:
    """Set the clock forward and let what is due happen."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    loop.skip(seconds)
    for _ in range(20):
        await asyncio.sleep(0)


class End:
    """One end of a TCP connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self.socket = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.socket, data)

    async def receive(self, size: int) -> bytes:
        """Exactly so many bytes, or as many as came before the end."""
        received = bytearray()
        while len(received) < size:
            data = await self._loop.sock_recv(self.socket, size - len(received))
            if not data:
                break
            received += data
        return bytes(received)

    async def receive_all(self) -> bytes:
        """All until a clean end; ConnectionResetError if it is a reset."""
        received = bytearray()
        while data := await self._loop.sock_recv(self.socket, 1 << 18):
            received += data
        return bytes(received)

    async def is_reset(self) -> bool:
        """Wait for the end, and tell whether it is a reset."""
        try:
            await self.receive_all()
        except ConnectionResetError:
            return True
        return False

    def shut_down(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Server:
    """Listens on a free loopback port; the test accepts by itself."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0)
        self.accepted: list[End] = []

    @property
    def address(self) -> Address:
        host, port = self._socket.getsockname()
        return TcpAddress(host, port)

    async def accept(self) -> End:
        sock, _ = await asyncio.get_running_loop().sock_accept(self._socket)
        self.accepted.append(End(sock))
        return self.accepted[-1]

    def close(self) -> None:
        self._socket.close()
        for end in self.accepted:
            end.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.close()


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[End]:
    assert isinstance(address, TcpAddress)
    # The kernel completes a connection to a listening socket at once, before anybody accepts it and may reset it.
    with socket.create_connection((address.host, address.port)) as sock:
        yield End(sock)
