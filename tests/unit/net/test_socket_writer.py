"""What a local socket does not take at once waits in order, is counted, and takes no more memory than it is counted for."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable

import pytest

from wormhole_tunnel.limits import KIB, MIB
from wormhole_tunnel.net.socket_writer import SocketWriter
from wormhole_tunnel.session.buffers import Buffers

SOON = 20.0  # seconds


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.taken = 0
        self.failed = asyncio.Event()
        self.finished = asyncio.Event()

    def consumed(self, length: int, /) -> None:
        self.taken += length

    def write_failed(self) -> None:
        self.failed.set()

    def write_finished(self) -> None:
        self.finished.set()


class Scene:
    """A writer, the socket it writes to, and whoever reads at its other end."""

    def __init__(self) -> None:
        self.buffers = Buffers()
        self.owner = Owner()
        self.near, self.far = socket.socketpair()
        self.near.settimeout(0)
        self.far.settimeout(0)
        self.loop = asyncio.get_running_loop()
        self.writer = SocketWriter(self.loop, self.owner, self.near, self.buffers)

    def write(self, data: bytes) -> None:
        self.writer.write(memoryview(data))

    async def read_all(self) -> bytes:
        heard = bytearray()
        while data := await self.loop.sock_recv(self.far, 1 << 16):
            heard += data
        return bytes(heard)


def play(scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene()
        try:
            async with asyncio.timeout(SOON):
                await scenario(scene)
        finally:
            scene.writer.close()
            scene.near.close()
            scene.far.close()
        assert scene.buffers.waiting == 0

    asyncio.run(run())


def test_what_waits_is_counted_and_arrives_in_order() -> None:
    async def scenario(scene: Scene) -> None:
        pieces = [os.urandom(size) for size in (3 * MIB, 1, 200 * KIB, 64 * KIB, 5, 0, 70 * KIB)]
        for piece in pieces:
            scene.write(piece)
        said = sum(map(len, pieces))
        assert 0 < scene.buffers.waiting == said - scene.owner.taken
        scene.writer.finish()
        assert await scene.read_all() == b"".join(pieces)
        await scene.owner.finished.wait()
        assert scene.owner.taken == said

    play(scenario)


def test_single_bytes_that_wait_take_little_more_than_their_number() -> None:
    async def scenario(scene: Scene) -> None:
        scene.write(bytes(4 * MIB))
        before = scene.buffers.waiting
        for _ in range(100 * KIB):
            scene.write(b"x")
        assert scene.buffers.waiting == before + 100 * KIB
        queue = scene.writer._queue
        assert queue is not None
        assert sum(map(sys.getsizeof, queue)) < 2 * scene.buffers.waiting

    play(scenario)


@pytest.mark.parametrize("connects", [False, True])
def test_what_waits_for_a_connection(connects: bool) -> None:
    async def scenario(scene: Scene) -> None:
        writer = SocketWriter(scene.loop, scene.owner, None, scene.buffers)
        for number in range(100):
            writer.write(memoryview(b"%d " % number))
        assert scene.buffers.waiting == 290
        if connects:
            writer.connected(scene.near)
            assert await scene.loop.sock_recv(scene.far, 1000) == b"".join(b"%d " % number for number in range(100))
        writer.close()

    play(scenario)


def test_closing_in_the_middle_gives_the_count_back() -> None:
    async def scenario(scene: Scene) -> None:
        scene.write(bytes(3 * MIB))
        await scene.loop.sock_recv(scene.far, 1 << 16)
        while scene.writer._taken == 0:
            await scene.loop.sock_recv(scene.far, 1 << 16)
        assert scene.buffers.waiting
        scene.writer.close()
        assert scene.buffers.waiting == 0

    play(scenario)


def test_a_socket_that_is_gone_is_reported_once_it_is_written_to() -> None:
    async def scenario(scene: Scene) -> None:
        scene.write(bytes(3 * MIB))
        scene.far.close()
        await scene.owner.failed.wait()

    play(scenario)
