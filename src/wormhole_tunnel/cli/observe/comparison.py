"""Every workload under every framing, through real proxies in this process, with somebody watching the link."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.cli.observe.analysis import Summary, summarise
from wormhole_tunnel.cli.observe.capture import Capture, Passage
from wormhole_tunnel.cli.observe.workloads import WORKLOADS, Workload, serve
from wormhole_tunnel.config.options import Mode
from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.net.addresses import TcpAddress
from wormhole_tunnel.proxy.client import ClientProxy
from wormhole_tunnel.proxy.server import ServerProxy
from wormhole_tunnel.wire.negotiation import FramingMode

_ANY_PORT: Final = TcpAddress("127.0.0.1", 0)
_READY_WITHIN: Final = 10.0  # seconds
_WITHIN: Final = 60.0  # seconds for a workload
CONSTANT_RATE: Final = 128 * 1024  # bytes a second each way


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one workload under one framing."""

    framing: FramingMode
    workload: str
    seconds: float
    passages: tuple[Passage, ...]
    summary: Summary


async def compare() -> list[Observation]:
    """Everything at once, a tunnel for each pair. Raises OSError, TimeoutError."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = TcpAddress(*server.sockets[0].getsockname()[:2])
    async with server, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_observe(framing, workload, target)) for framing in FramingMode for workload in WORKLOADS
        ]
    return [task.result() for task in tasks]


async def _observe(framing: FramingMode, workload: Workload, target: TcpAddress) -> Observation:
    keyring = Keyring((Key("observed", secrets.token_bytes(32)),))
    server = TunnelSettings(mode=Mode.SERVER, listen=(_ANY_PORT,), connect=(target,), framing=framing)
    async with ServerProxy(server, keyring) as server_proxy, Capture(_ANY_PORT, server_proxy.addresses[0]) as capture:
        client = TunnelSettings(listen=(), connect=(capture.address,), framing=framing, rate=CONSTANT_RATE)
        async with ClientProxy(client, keyring) as client_proxy:
            await client_proxy.wait_ready(_READY_WITHIN)
            reader, writer = await client_proxy.open_connection()
            capture.restart()
            async with asyncio.timeout(_WITHIN):
                await workload.run(reader, writer)
            seconds, passages = capture.seconds, tuple(capture.passages)
            writer.close()
    return Observation(framing, workload.name, seconds, passages, summarise(passages))
