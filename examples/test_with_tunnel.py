"""A pytest fixture that puts a tunnel in front of a server under test.

    pytest examples/test_with_tunnel.py

The proxies run in a thread with an event loop of its own, so that the tests may be of any kind. What a test sees on the
way is what its users will: connections that are cut into other pieces, half-closed, and reset.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings

ANY_PORT = TcpAddress("127.0.0.1", 0)


async def run_tunnel(port: int, ready: Future[tuple[int, Callable[[], None]]]) -> None:
    """A tunnel to a port of 127.0.0.1; `ready` gets the port that leads there, and what ends it."""
    keyring = Keyring((Key("test", secrets.token_bytes(32)),))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)

    far = TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(TcpAddress("127.0.0.1", port),))
    async with ServerProxy(far, keyring) as server:
        near = TunnelSettings(listen=(ANY_PORT,), connect=tuple(server.addresses))
        async with ClientProxy(near, keyring) as client:
            await client.wait_ready(10)
            address = client.addresses[0]
            assert isinstance(address, TcpAddress)
            ready.set_result((address.port, end))
            await stop.wait()


@contextmanager
def tunnel_to(port: int) -> Iterator[int]:
    """Within it, the port that it gives leads to `port` through a tunnel."""
    ready: Future[tuple[int, Callable[[], None]]] = Future()
    thread = Thread(target=lambda: asyncio.run(run_tunnel(port, ready)))
    thread.start()
    near, stop = ready.result(timeout=10)
    try:
        yield near
    finally:
        stop()
        thread.join()


@pytest.fixture
def tunnel() -> Iterator[Callable[[int], int]]:
    """Gives, for a server's port, one that leads to it through a tunnel."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(tunnel_to(port))


class Shout(StreamRequestHandler):
    """The server under test: says each line in capitals."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


def test_the_server_works_through_a_tunnel(tunnel: Callable[[int], int]) -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), Shout) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with socket.create_connection(("127.0.0.1", tunnel(server.server_address[1]))) as client:
            client.sendall(b"hello\n")
            client.shutdown(socket.SHUT_WR)
            assert client.makefile("rb").read() == b"HELLO\n"
        server.shutdown()
