"""Many connections at once, many one after the other, and more than there are descriptors."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.process.conftest import MakeTunnel
from tests.support.bulk import transfer, with_echo
from tests.support.proxies import Proxy
from tests.support.servers import Server, connect, echo, exchange, receive, receive_all
from tests.support.tunnel import Tunnel
from tests.support.waiting import wait_until

MIB = 1 << 20
AT_ONCE = 1000
IN_ALL = 5000
ABREAST = 50
SIZE_EACH = 2 * MIB
MEMORY_ALLOWED = 16 * MIB  # growth that allocators may show after thousands of connections
FEW_DESCRIPTORS = 40


async def say_and_hear(port: int, number: int, everyone: asyncio.Barrier | None = None) -> None:
    """One client; with a barrier, all of them are connected, and have had an answer, before any ends."""
    message = number.to_bytes(8) * 8
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message)
    assert await reader.readexactly(len(message)) == message
    if everyone is not None:
        await everyone.wait()
        writer.write(message)
        assert await reader.readexactly(len(message)) == message
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_a_thousand_clients_at_once(tmp_path: Path) -> None:
    async def all_at_once(tunnel: Tunnel) -> None:
        everyone = asyncio.Barrier(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(say_and_hear(tunnel.port, number, everyone))

    with_echo(tmp_path, all_at_once)


def test_thousands_of_clients_leave_nothing_behind(tmp_path: Path) -> None:
    async def some(tunnel: Tunnel, count: int) -> None:
        numbers = iter(range(count))

        async def one_after_the_other() -> None:
            for number in numbers:
                await say_and_hear(tunnel.port, number)

        async with asyncio.TaskGroup() as group:
            for _ in range(ABREAST):
                group.create_task(one_after_the_other())

    async def many(tunnel: Tunnel) -> None:
        await some(tunnel, 10 * ABREAST)
        descriptors = [proxy.descriptors() - ABREAST for proxy in tunnel.proxies]
        memory = [proxy.memory() for proxy in tunnel.proxies]
        await some(tunnel, IN_ALL)
        for proxy, few, little in zip(tunnel.proxies, descriptors, memory, strict=True):
            wait_until(partial(_has_at_most, proxy, few + ABREAST), "every descriptor to be given back")
            assert proxy.memory() < little + MEMORY_ALLOWED

    with_echo(tmp_path, many)


def _has_at_most(proxy: Proxy, descriptors: int) -> bool:
    return proxy.descriptors() <= descriptors


def test_bulk_over_many_connections_arrives_as_it_was_sent(tmp_path: Path) -> None:
    async def fifty(tunnel: Tunnel) -> list[bool]:
        return await asyncio.gather(*(transfer(tunnel.port, seed, SIZE_EACH) for seed in range(ABREAST)))

    assert all(with_echo(tmp_path, fifty))


def test_without_descriptors_the_proxy_pauses_says_so_and_recovers(tmp_path: Path, key: str) -> None:
    with (
        Server(echo) as server,
        Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}") as far,
        Proxy(tmp_path, "near", "-k", key, "-s", f"127.0.0.1:{far.port}", descriptors=FEW_DESCRIPTORS) as near,
    ):
        clients = [connect(near.port) for _ in range(2 * FEW_DESCRIPTORS)]
        near.wait_for("not accepting")
        clients[0].sendall(b"still served")
        assert receive(clients[0], 12) == b"still served"
        for client in clients:
            client.close()
        assert exchange(near.port, b"hello") == b"hello"
        near.wait_for("again after")


def test_a_client_beyond_the_limit_is_reset_and_the_others_stay(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, "--max-connections", "2")
    with connect(tunnel.port) as first, connect(tunnel.port) as second:
        for client in (first, second):
            client.sendall(b"in")
            assert receive(client, 2) == b"in"
        with connect(tunnel.port) as third, pytest.raises(ConnectionResetError):
            receive_all(third)
        first.sendall(b"in")
        assert receive(first, 2) == b"in"
    tunnel.client.wait_for("--max-connections")
