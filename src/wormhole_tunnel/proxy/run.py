"""Running tunnels in a process: event loop, signals, start and end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

import uvloop

from wormhole_tunnel import __version__
from wormhole_tunnel.config.keysource import load_keyring
from wormhole_tunnel.config.options import Mode, Transport
from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.crypto.aead import self_test
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.listen import raise_descriptor_limit
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import Observable
from wormhole_tunnel.proxy.client import ClientProxy
from wormhole_tunnel.proxy.legacy import LegacyClientProxy, LegacyServerProxy
from wormhole_tunnel.proxy.server import ServerProxy

_log = get_logger("wormhole")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


Observe = Callable[[Sequence[Observable]], AbstractAsyncContextManager[object]]


def run(tunnels: list[TunnelSettings], observe: Observe | None = None) -> int:
    """Run every tunnel until a signal; returns the exit code. Raises WormholeError where one can't start.

    `observe` is entered once the proxies listen, and left before they end: it lets somebody look at them.
    """
    self_test()
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(tunnels, observe))


async def _serve(tunnels: list[TunnelSettings], observe: Observe | None) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in _SIGNALS:
        loop.add_signal_handler(signal_number, stopped.set)
    async with AsyncExitStack() as stack:
        proxies: list[Observable] = []
        for settings in tunnels:
            proxy = _proxy(settings)
            await stack.enter_async_context(proxy)
            proxies.append(proxy)
            _log_start(settings, proxy.addresses)
        if observe is not None:
            await stack.enter_async_context(observe(proxies))
        await stopped.wait()
        log_event(_log, logging.INFO, "stopping", "stopping")
    return 0


def _proxy(settings: TunnelSettings) -> ClientProxy | ServerProxy | LegacyClientProxy | LegacyServerProxy:
    keyring = load_keyring(settings.key_file)
    if settings.transport is Transport.LEGACY:
        return (LegacyServerProxy if settings.mode is Mode.SERVER else LegacyClientProxy)(settings, keyring)
    if settings.mode is Mode.SERVER:
        return ServerProxy(settings, keyring)
    return ClientProxy(settings, keyring)


def _log_start(settings: TunnelSettings, addresses: list[Address]) -> None:
    listening = ", ".join(str(address) for address in addresses)
    target = ", ".join(str(address) for address in settings.connect)
    kind, other = ("server proxy", "server") if settings.mode is Mode.SERVER else ("client proxy", "server proxy")
    message = f"wormhole {__version__} {kind} listens on {listening}, {other} is {target}"
    log_event(_log, logging.INFO, "started", message, version=__version__, mode=settings.mode.value, listen=listening)
