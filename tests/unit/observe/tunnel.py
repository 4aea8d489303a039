"""A tunnel within the test's process, with its status served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TunnelSettings, UnixAddress
from wormhole_tunnel.observe.status.serve import serve

KEYRING = Keyring((Key("berlin", bytes(range(32))), Key("lisbon", bytes(range(1, 33)))))
SOON = 20.0  # seconds, far more than anything takes


@dataclass
class Tunnel:
    """Both proxies, and HTTP sessions with the status of each."""

    client: ClientProxy
    server: ServerProxy
    client_status: aiohttp.ClientSession
    server_status: aiohttp.ClientSession


@asynccontextmanager
async def tunnel(folder: Path, token: str = "") -> AsyncIterator[Tunnel]:
    """A tunnel to an echo server, ready, with the status at Unix sockets of `folder`."""
    async with asyncio.timeout(SOON), AsyncExitStack() as stack:
        backend = await stack.enter_async_context(await asyncio.start_unix_server(_echo, folder / "backend"))
        assert backend.is_serving()
        server = await stack.enter_async_context(
            ServerProxy(_settings(folder, Mode.SERVER, "link", "backend"), KEYRING)
        )
        server_status = await _status(stack, folder / "server-status", server, token)
        client = await stack.enter_async_context(
            ClientProxy(_settings(folder, Mode.CLIENT, "clients", "link"), KEYRING)
        )
        client_status = await _status(stack, folder / "client-status", client, token)
        await client.wait_ready()
        yield Tunnel(client, server, client_status, server_status)


def _settings(folder: Path, mode: Mode, listen: str, connect: str) -> TunnelSettings:
    addresses = [UnixAddress(str(folder / name)) for name in (listen, connect)]
    return TunnelSettings(mode=mode, listen=(addresses[0],), connect=(addresses[1],), drain_timeout=SOON)


async def _status(
    stack: AsyncExitStack, path: Path, proxy: ClientProxy | ServerProxy, token: str
) -> aiohttp.ClientSession:
    await stack.enter_async_context(serve([UnixAddress(str(path))], token, [proxy]))
    connector = aiohttp.UnixConnector(str(path))
    return await stack.enter_async_context(aiohttp.ClientSession("http://localhost", connector=connector))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass
    writer.close()
