from __future__ import annotations

import asyncio
import logging
import socket
import struct
from pathlib import Path

import pytest

from wormhole_tunnel.net.addresses import SourceAddress, TcpAddress, UnixAddress
from wormhole_tunnel.net.listen import ACCEPTS_PER_TURN, Listener

LOOPBACK = TcpAddress("127.0.0.1", 0)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Accepted:
    """What a listener handed over, to be awaited."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[socket.socket, SourceAddress]] = asyncio.Queue()

    def __call__(self, sock: socket.socket, source: SourceAddress) -> None:
        self.queue.put_nowait((sock, source))

    async def close_next(self) -> SourceAddress:
        sock, source = await self.queue.get()
        sock.close()
        return source


def connect(listener: Listener) -> socket.socket:
    match listener.address:
        case TcpAddress(host, port):
            return socket.create_connection((host, port))
        case UnixAddress(path):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            return sock


def test_a_connection_comes_with_its_source_and_options(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        listener = Listener.open(LOOPBACK, accepted)
        with connect(listener) as client:
            sock, source = await accepted.queue.get()
            assert source == SourceAddress(*client.getsockname())
            assert sock.gettimeout() == 0
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            sock.close()
        listener.close()

    runner.run(scenario())


def test_a_unix_socket(runner: asyncio.Runner, tmp_path: Path) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        listener = Listener.open(UnixAddress(str(tmp_path / "a")), accepted)
        with connect(listener):
            assert await accepted.close_next() == SourceAddress()
        listener.close()
        assert not (tmp_path / "a").exists()

    runner.run(scenario())


def test_more_than_one_turn_takes(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        listener = Listener.open(LOOPBACK, accepted)
        clients = [connect(listener) for _ in range(2 * ACCEPTS_PER_TURN + 1)]
        assert {(await accepted.close_next()).port for _ in clients} == {each.getsockname()[1] for each in clients}
        for client in clients:
            client.close()
        listener.close()

    runner.run(scenario())


def test_whoever_waits_in_the_queue_is_taken_in_at_once(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        listener = Listener.open(LOOPBACK, accepted)
        clients = [connect(listener) for _ in range(2 * ACCEPTS_PER_TURN + 1)]
        listener.take_waiting()
        listener.close()
        assert accepted.queue.qsize() == len(clients)
        for client in clients:
            await accepted.close_next()
            client.close()

    runner.run(scenario())


def test_who_waits_at_a_socket_opened_elsewhere_is_left_to_the_next(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        with socket.create_server(("127.0.0.1", 0)) as shared:
            listener = Listener.adopt(shared.dup(), accepted)
            with connect(listener):
                listener.take_waiting()
                listener.close()
                assert accepted.queue.empty()
                shared.accept()[0].close()

    runner.run(scenario())


def test_clients_that_reset_at_once_cost_nothing(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        listener = Listener.open(LOOPBACK, accepted)
        for _ in range(20):
            with connect(listener) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        with connect(listener) as client:
            while (await accepted.close_next()).port != client.getsockname()[1]:
                pass
        listener.close()

    runner.run(scenario())


def test_a_callback_that_raises_costs_only_its_connection(
    runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    sources: asyncio.Queue[SourceAddress] = asyncio.Queue()

    def broken(_sock: socket.socket, source: SourceAddress) -> None:
        sources.put_nowait(source)
        raise ValueError("broken")

    async def scenario() -> None:
        listener = Listener.open(LOOPBACK, broken)
        for _ in range(2):
            with connect(listener) as client:
                await sources.get()
                assert client.recv(1) == b""
        listener.close()

    with caplog.at_level(logging.INFO, "wormhole"):
        runner.run(scenario())
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "ValueError: broken" in caplog.text
    assert "Traceback" not in caplog.text


def test_pause_and_resume(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        listener = Listener.open(LOOPBACK, accepted)
        listener.pause()
        with connect(listener):
            # the second listener proves that the loop has looked at its sockets meanwhile
            other_accepted = Accepted()
            other = Listener.open(LOOPBACK, other_accepted)
            with connect(other):
                await other_accepted.close_next()
            other.close()
            assert accepted.queue.empty()
            listener.resume()
            await accepted.close_next()
        listener.close()
        listener.resume()

    runner.run(scenario())


def test_a_callback_may_pause_or_close(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        seen: asyncio.Queue[None] = asyncio.Queue()

        def once(sock: socket.socket, _source: SourceAddress) -> None:
            sock.close()
            seen.put_nowait(None)
            listener.close()

        listener = Listener.open(LOOPBACK, once)
        clients = [connect(listener) for _ in range(3)]
        await seen.get()
        await asyncio.sleep(0)
        assert seen.empty()
        for client in clients:
            client.close()

    runner.run(scenario())


def test_a_socket_opened_elsewhere(runner: asyncio.Runner, tmp_path: Path) -> None:
    async def scenario() -> None:
        accepted = Accepted()
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "a"))
        sock.listen()
        listener = Listener.adopt(sock, accepted)
        assert listener.address == UnixAddress(str(tmp_path / "a"))
        with connect(listener):
            await accepted.close_next()
        listener.close()
        assert (tmp_path / "a").exists(), "whoever made it removes it"

    runner.run(scenario())
