"""Opens the status's addresses, and closes them with the proxies."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import web

from wormhole_tunnel.net.addresses import Address, TcpAddress
from wormhole_tunnel.net.bind import UnixPermissions, open_listening
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import Observable
from wormhole_tunnel.observe.status.server import StatusServer

_log = get_logger("wormhole.status")


def observer(
    addresses: Sequence[Address], token: str
) -> Callable[[Sequence[Observable]], AbstractAsyncContextManager[None]]:
    """What `proxy.run` enters to let somebody look at its proxies at these addresses."""
    return lambda proxies: serve(addresses, token, proxies)


@asynccontextmanager
async def serve(addresses: Sequence[Address], token: str, proxies: Sequence[Observable]) -> AsyncIterator[None]:
    """Serve the status of `proxies` within the context. Raises ListenError."""
    status = StatusServer(proxies, token)
    runner = web.AppRunner(status.application(), access_log=None, logger=_http_logger(), shutdown_timeout=1.0)
    bound = [each for address in addresses for each in open_listening(address, UnixPermissions())]
    try:
        await runner.setup()
        for each in bound:
            await web.SockSite(runner, each.socket).start()
        _log_start(addresses, [each.socket.getsockname() for each in bound])
        yield
    finally:
        status.close()
        await runner.cleanup()
        for each in bound:
            each.close()


def _log_start(addresses: Sequence[Address], bound: Sequence[object]) -> None:
    for address, name in zip(addresses, bound, strict=False):
        at = (
            TcpAddress(address.host, name[1])
            if isinstance(address, TcpAddress) and isinstance(name, tuple)
            else address
        )
        where = f"http://{at}/" if isinstance(at, TcpAddress) else str(at)
        log_event(_log, logging.INFO, "status_started", f"status at {where}", address=str(at))


class _OneLine(logging.Filter):
    """A request that can't be parsed is the asker's mistake: a line at `debug`, and no traceback above."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Part of `logging.Filter`."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, web.HTTPException) or (error is not None and type(error).__module__.startswith("aiohttp")):
            return _log.isEnabledFor(logging.DEBUG)
        if not _log.isEnabledFor(logging.DEBUG):
            record.msg, record.args, record.exc_info = f"{record.getMessage()}: {error!r}", None, None
        return True


def _http_logger() -> logging.Logger:
    logger = get_logger("wormhole.status.http")
    if not logger.filters:
        logger.addFilter(_OneLine())
    return logger
