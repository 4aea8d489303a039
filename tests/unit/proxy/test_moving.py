"""A connection that is opened in the very moment in which its server proxy begins to drain."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings
from wormhole_tunnel.config.settings import Preference
from wormhole_tunnel.net.addresses import Address

KEYRING = Keyring((Key("default", bytes(range(32))),))
ANY_PORT = TcpAddress("127.0.0.1", 0)
SOON = 20.0  # seconds


class Upstream:
    """A server that says its name, and hears what its clients say."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.clients = 0
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients += 1
        self.heard.append(await reader.readline())
        writer.write(self.name)
        await reader.read()
        writer.close()


async def start(stack: AsyncExitStack, upstream: Upstream) -> ServerProxy:
    """A server proxy in front of it."""
    server = await stack.enter_async_context(await asyncio.start_server(upstream.serve, "127.0.0.1", 0))
    host, port = server.sockets[0].getsockname()
    settings = TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(TcpAddress(host, port),))
    return await stack.enter_async_context(ServerProxy(settings, KEYRING))


def client_settings(*addresses: Address) -> TunnelSettings:
    return TunnelSettings(listen=(), connect=addresses, prefer=Preference.ORDERED)


async def sessions(near: ClientProxy, count: int) -> None:
    """Wait until a client proxy has so many."""
    for _ in range(1000):
        if len([peer for peer in near.snapshot().peers if peer.session]) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(near.snapshot().peers)


async def ask(near: ClientProxy, question: bytes) -> tuple[bytes, asyncio.StreamWriter]:
    reader, writer = await near.open_connection()
    writer.write(question + b"\n")
    return await reader.readexactly(1), writer


async def begin_to_drain(far: ServerProxy) -> asyncio.Task[bool]:
    """It has said so, and nobody has heard it yet."""
    draining = asyncio.create_task(far.drain())
    await asyncio.sleep(0)
    return draining


def test_it_is_opened_at_another_and_said_there_only() -> None:
    first, second = Upstream(b"1"), Upstream(b"2")

    async def scenario() -> None:
        async with asyncio.timeout(SOON), AsyncExitStack() as stack:
            far, other = await start(stack, first), await start(stack, second)
            settings = client_settings(*far.addresses, *other.addresses)
            near = await stack.enter_async_context(ClientProxy(settings, KEYRING))
            await sessions(near, 2)
            name, writer = await ask(near, b"early")
            assert name == b"1"
            draining = await begin_to_drain(far)
            name, late = await ask(near, b"late")
            assert name == b"2"
            for each in (writer, late):
                each.close()
            assert await draining

    asyncio.run(scenario())
    assert (first.heard, second.heard) == ([b"early\n"], [b"late\n"])
    assert (first.clients, second.clients) == (1, 1)


def test_where_there_is_no_other_it_waits_and_is_not_begun() -> None:
    only = Upstream(b"1")

    async def scenario() -> None:
        async with asyncio.timeout(SOON), AsyncExitStack() as stack:
            far = await start(stack, only)
            settings = replace(client_settings(*far.addresses), connect_timeout=0.5)
            near = await stack.enter_async_context(ClientProxy(settings, KEYRING))
            await near.wait_ready()
            _, writer = await ask(near, b"early")
            draining = await begin_to_drain(far)
            with pytest.raises(TimeoutError):
                await near.open_connection()
            writer.close()
            assert await draining

    asyncio.run(scenario())
    assert only.clients == 1
