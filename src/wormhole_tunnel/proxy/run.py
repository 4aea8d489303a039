"""Running tunnels in a process: event loop, start and end, and what signals ask for.

SIGTERM and SIGINT drain, a second one ends at once. SIGHUP reads the key files and the
configuration again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, TypeAlias

import uvloop

from wormhole_tunnel import __version__
from wormhole_tunnel.config.keysource import load_keyring
from wormhole_tunnel.config.options import Mode, Transport
from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.crypto.aead import self_test
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.listen import raise_descriptor_limit
from wormhole_tunnel.net.notify import Notifier
from wormhole_tunnel.net.tasks import Tasks, log_callback_error
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import Observable
from wormhole_tunnel.proxy.client import ClientProxy
from wormhole_tunnel.proxy.legacy import LegacyClientProxy, LegacyServerProxy
from wormhole_tunnel.proxy.privileges import protect_memory
from wormhole_tunnel.proxy.reload import Reloader, Reread, reload_all
from wormhole_tunnel.proxy.server import ServerProxy
from wormhole_tunnel.wire.negotiation import FramingMode

_YOUNG_OBJECTS: Final = 20_000  # Python's 700 costs a tenth of the time of new connections
_SECONDS_A_DAY: Final = 86_400
_GIGABYTE: Final = 10**9
_log = get_logger("wormhole")
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
FORCED: Final = 3  # the exit code when connections had to be reset

Proxy: TypeAlias = ClientProxy | ServerProxy | LegacyClientProxy | LegacyServerProxy
Observe = Callable[[Sequence[Observable]], AbstractAsyncContextManager[object]]


def run(
    tunnels: list[TunnelSettings],
    observe: Observe | None = None,
    reread: Reread | None = None,
    listening: Callable[[], None] | None = None,
) -> int:
    """Run every tunnel until a signal; returns the exit code. Raises WormholeError where one can't start.

    `observe` is entered once the proxies listen, and left before they end: it lets somebody look at them. `reread` gives
    the settings as they are at SIGHUP; without it only the key files are read again. `listening` is called when all
    sockets are open, and may raise WormholeError.
    """
    protect_memory()
    self_test()
    raise_descriptor_limit()
    _tame_garbage_collection()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(tunnels, observe, reread, listening))


def _tame_garbage_collection() -> None:
    """Leave out of collections what lives as long as the process, and collect less often than Python would.

    A connection makes a few dozen objects in cycles: by default they are searched after each handful of connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])


class Signals:
    """What signals have asked for: `stopping` is set by the first that stops, `hurrying` by the second."""

    def __init__(self, reread: Reread | None) -> None:
        self.stopping = asyncio.Event()
        self.hurrying = asyncio.Event()
        self.tunnels: list[Reloader] = []
        self._reread = reread
        self.notifier = Notifier(os.environ)
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _stop(self) -> None:
        (self.hurrying if self.stopping.is_set() else self.stopping).set()
        self.notifier.stopping()

    def _reload(self) -> None:
        serving = not self.stopping.is_set()
        if serving:
            self.notifier.reloading()
        reload_all(self.tunnels, self._reread)
        if serving:
            self.notifier.ready()


async def _serve(
    tunnels: list[TunnelSettings],
    observe: Observe | None,
    reread: Reread | None,
    listening: Callable[[], None] | None,
) -> int:
    asyncio.get_running_loop().set_exception_handler(log_callback_error)
    signals = Signals(reread)
    proxies: list[Proxy] = []
    async with AsyncExitStack() as stack:
        for settings in tunnels:
            proxy = _proxy(settings)
            await stack.enter_async_context(proxy)
            proxies.append(proxy)
            signals.tunnels.append(Reloader(settings, proxy))
            _log_start(settings, proxy.addresses)
            _log_cost(settings)
        if observe is not None:
            await stack.enter_async_context(observe(proxies))
        if listening is not None:
            listening()
        signals.notifier.ready()
        stack.callback(signals.notifier.close)
        await signals.stopping.wait()
        drained = await _drain(proxies, signals.hurrying)
    return 0 if drained else FORCED


async def _drain(proxies: Sequence[Proxy], hurrying: asyncio.Event) -> bool:
    """Let every connection end, unless that takes too long or somebody can't wait; tells whether all have ended."""
    log_event(_log, logging.INFO, "draining", "stopping; what is open may end (a second signal does not wait)")
    tasks = Tasks()
    draining = [tasks.spawn(proxy.drain(), "drain") for proxy in proxies]
    all_drained = tasks.spawn(_all_true(draining), "drain")
    await asyncio.wait((all_drained, tasks.spawn(hurrying.wait(), "signal")), return_when=asyncio.FIRST_COMPLETED)
    drained = all_drained.done() and all_drained.result()
    await tasks.close()
    if drained:
        log_event(_log, logging.INFO, "stopped", "stopped; every connection had ended")
    else:
        log_event(_log, logging.WARNING, "stop_forced", "stopping now; what is still open is reset")
    return drained


async def _all_true(tasks: Sequence[asyncio.Task[bool]]) -> bool:
    return all(await asyncio.gather(*tasks))


def _proxy(settings: TunnelSettings) -> Proxy:
    keyring = load_keyring(settings.key_file)
    if settings.transport is Transport.LEGACY:
        return (LegacyServerProxy if settings.mode is Mode.SERVER else LegacyClientProxy)(settings, keyring)
    if settings.mode is Mode.SERVER:
        return ServerProxy(settings, keyring)
    return ClientProxy(settings, keyring)


def _log_cost(settings: TunnelSettings) -> None:
    """Constant framing uses its bandwidth whether there is data or not; who turned it on should know how much."""
    if settings.framing is FramingMode.CONSTANT and settings.mode is Mode.CLIENT:
        a_day = settings.rate * _SECONDS_A_DAY * settings.links / _GIGABYTE
        message = f"constant framing sends about {a_day:.1f} GB a day each way to each server proxy, idle or not"
        log_event(_log, logging.INFO, "constant_framing", message, rate=settings.rate, interval=settings.interval)


def _log_start(settings: TunnelSettings, addresses: list[Address]) -> None:
    listening = ", ".join(str(address) for address in addresses)
    target = ", ".join([*map(str, settings.connect), *(service.name for service in settings.services)])
    kind, other = ("server proxy", "server") if settings.mode is Mode.SERVER else ("client proxy", "server proxy")
    message = f"wormhole {__version__} {kind} listens on {listening}, {other} is {target}"
    log_event(_log, logging.INFO, "started", message, version=__version__, mode=settings.mode.value, listen=listening)
