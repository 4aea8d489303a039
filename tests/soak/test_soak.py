"""A tunnel under mixed load for SOAK_SECONDS (60 unless set): what it holds stays flat, and it gives everything back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from tests.soak.load import echo, keep_busy
from tests.support.proxies import Proxy, free_port, make_key
from tests.support.waiting import wait_until
from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
CLIENTS = 40
ANY_PORT = TcpAddress("127.0.0.1", 0)
SOON = 20.0  # seconds
SAMPLES = 50
GROWTH_ALLOWED = 8 << 20  # bytes between an early and a late median: allocators breathe, leaks climb


@pytest.fixture
def target() -> int:
    """The port that the echo server will listen on."""
    return free_port()


@pytest.fixture
def proxies(tmp_path: Path, target: int) -> Iterator[tuple[Proxy, Proxy]]:
    """A client proxy and a server proxy."""
    key = str(make_key(tmp_path))
    with ExitStack() as stack:
        server = stack.enter_context(
            Proxy(tmp_path, "server", "-S", "-s", f"127.0.0.1:{target}", "-k", key, "--log=warn")
        )
        client = stack.enter_context(
            Proxy(tmp_path, "client", "-s", f"127.0.0.1:{server.port}", "-k", key, "--log=warn")
        )
        yield client, server


async def soak(client: Proxy, target: int, samples: dict[Proxy, list[int]]) -> int:
    """Load the tunnel, and take samples of each proxy's memory meanwhile; returns how many clients were served."""
    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(echo, "127.0.0.1", target):
        load = asyncio.create_task(keep_busy(client.port, loop.time() + SECONDS, CLIENTS))
        while not load.done():
            await asyncio.wait([load], timeout=SECONDS / SAMPLES)
            for proxy, memory in samples.items():
                memory.append(proxy.memory())
        return await load


def holds_at_most(proxy: Proxy, descriptors: int) -> bool:
    return proxy.descriptors() <= descriptors


def test_memory_and_descriptors_stay_flat(proxies: tuple[Proxy, Proxy], target: int) -> None:
    before = {proxy: proxy.descriptors() for proxy in proxies}
    samples: dict[Proxy, list[int]] = {proxy: [] for proxy in proxies}
    served = asyncio.run(soak(proxies[0], target, samples))
    assert served > CLIENTS
    for proxy, memory in samples.items():
        fifth = len(memory) // 5
        early, late = median(memory[fifth : 2 * fifth]), median(memory[-fifth:])
        assert late < early + GROWTH_ALLOWED, f"memory rose from {early} to {late} bytes over {served} clients"
        wait_until(partial(holds_at_most, proxy, before[proxy]), "every descriptor to be given back")


def test_tasks_stay_flat() -> None:
    """Both proxies in this process, where their tasks can be counted; names are looked up, which takes tasks."""
    key = Key("default", bytes(range(32)))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as target:
            port = target.sockets[0].getsockname()[1]
            far = TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(TcpAddress("localhost", port),))
            async with ServerProxy(far, Keyring((key,))) as server:
                near = TunnelSettings(listen=(ANY_PORT,), connect=tuple(server.addresses))
                async with ClientProxy(near, Keyring((key,))) as client:
                    await client.wait_ready()
                    before = len(client._tasks), len(server._tasks)
                    [address] = client.addresses
                    assert isinstance(address, TcpAddress)
                    assert await keep_busy(address.port, loop.time() + SECONDS / 6, CLIENTS) > CLIENTS
                    async with asyncio.timeout(SOON):
                        await server._connections_ended.wait()
                    assert (len(client._tasks), len(server._tasks)) == before

    asyncio.run(scenario())
