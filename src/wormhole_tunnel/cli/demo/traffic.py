"""What the clients of a demonstration do: talk, move a lot of data and check it, and measure how long an answer takes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from statistics import median
from typing import Final

from wormhole_tunnel.cli.demo.wire import CHUNK, connect
from wormhole_tunnel.errors import WormholeError

MEGABYTE: Final = 1_000_000
_COUNTER: Final = 8  # bytes
_PING: Final = bytes(64)
_PINGS: Final = 1000
_WELL_UNDER_WAY: Final = 0.4  # of the bytes are back


async def ask(sock: socket.socket, message: bytes) -> bytes:
    """Send a message and wait until as many bytes have come back. Raises OSError."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, message)
    answer = b""
    while len(answer) < len(message):
        piece = await loop.sock_recv(sock, len(message) - len(answer))
        if not piece:
            raise WormholeError("a connection ended before its answer was there")
        answer += piece
    return answer


async def round_trip(port: int) -> float:
    """Seconds from a small message to its echo: the median of many."""
    times = []
    with await connect(port) as sock:
        for _ in range(_PINGS):
            began = time.perf_counter()
            await ask(sock, _PING)
            times.append(time.perf_counter() - began)
    return median(times)


class Transfer:
    """Sends `size` bytes that never repeat, a multiple of a megabyte, to an echo server, and hashes both directions."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.received = 0
        self.seconds = 0.0
        self.well_under_way = asyncio.Event()
        self._sent_hash = hashlib.sha256()
        self._received_hash = hashlib.sha256()

    @property
    def intact(self) -> bool:
        """Whether exactly what was sent has come back."""
        return self.received == self.size and self._sent_hash.digest() == self._received_hash.digest()

    @property
    def hash(self) -> str:
        """SHA-256 of what has come back, in hex."""
        return self._received_hash.hexdigest()

    async def run(self, port: int) -> None:
        """Do it. Raises OSError when the connection breaks."""
        began = time.perf_counter()
        with await connect(port) as sock:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(sock))
                group.create_task(self._receive(sock))
        self.seconds = time.perf_counter() - began

    async def _send(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        block = bytearray(os.urandom(MEGABYTE))
        for number in range(self.size // MEGABYTE):
            block[:_COUNTER] = number.to_bytes(_COUNTER)
            self._sent_hash.update(block)
            await loop.sock_sendall(sock, block)
        sock.shutdown(socket.SHUT_WR)

    async def _receive(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        buffer = memoryview(bytearray(CHUNK))
        while length := await loop.sock_recv_into(sock, buffer):
            self._received_hash.update(buffer[:length])
            self.received += length
            if self.received >= self.size * _WELL_UNDER_WAY:
                self.well_under_way.set()
