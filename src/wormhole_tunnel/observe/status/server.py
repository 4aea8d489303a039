"""Serves the status: /healthz, /readyz, /metrics, /status.json, /events for the page, and the page at /.

Nothing here changes anything, and nothing is done for it but one look a second, until somebody asks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from wormhole_tunnel import __version__
from wormhole_tunnel.net import clock
from wormhole_tunnel.observe.logs import get_logger
from wormhole_tunnel.observe.snapshot import Observable
from wormhole_tunnel.observe.status.access import names_this_host, presents_token
from wormhole_tunnel.observe.status.document import VERSION, ProcessSnapshot, StatusDocument, to_json
from wormhole_tunnel.observe.status.metrics import ProxyCollector, make_registry
from wormhole_tunnel.observe.status.page import PAGE, PAGE_POLICY
from wormhole_tunnel.observe.status.recent import RecentWarnings
from wormhole_tunnel.observe.status.sampler import Sample, Sampler

DEFAULT_CONNECTIONS: Final = 1000  # in /status.json
MOST_CONNECTIONS: Final = 65_536
_PAGE_CONNECTIONS: Final = 200
_MOST_WATCHERS: Final = 32
_OPEN_PATHS: Final = ("/healthz", "/readyz")  # for health checks: they tell no more than a connection would
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_log = get_logger("wormhole.status")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StatusServer:
    """The handlers, and what they look at. `token` guards all but the health checks; empty for none."""

    def __init__(self, proxies: Sequence[Observable], token: str) -> None:
        self._proxies = proxies
        self._token = token
        self._started = clock.now()
        self._recent = RecentWarnings()
        self._watchers: set[asyncio.Event] = set()
        self._sampler = Sampler(proxies, self._wake_watchers)
        self._registry = make_registry(ProxyCollector(proxies, lambda: self._sampler.lag, self._recent.counts))
        self._last_sample: Sample | None = None
        self._last_event = b""
        self._closing = False
        logging.getLogger().addHandler(self._recent)

    def close(self) -> None:
        """Stop looking, and end every page's stream of events."""
        self._closing = True
        logging.getLogger().removeHandler(self._recent)
        self._sampler.close()
        self._wake_watchers()

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", _page),
                web.get("/healthz", _healthy),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
                web.get("/status.json", self._status),
                web.get("/events", self._events, allow_head=False),
            ]
        )
        application.on_response_prepare.append(_add_headers)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            if self._token and not presents_token(request.headers.get("Authorization", ""), self._token):
                headers = [("WWW-Authenticate", f'{scheme} realm="wormhole"') for scheme in ("Bearer", "Basic")]
                return web.Response(status=401, text="this status needs the token\n", headers=headers)
            if not self._token and not _asked_as_this_host(request):
                return web.Response(status=403, text="ask by a loopback address, or set --status-token-file\n")
        return await handler(request)

    # --- answers --------------------------------------------------------------------------------------------------------

    def document(self, most_connections: int) -> StatusDocument:
        """The state of everything now."""
        proxies = tuple(proxy.snapshot(most_connections) for proxy in self._proxies)
        unready = next((proxy.unready for proxy in proxies if proxy.unready), "")
        return StatusDocument(
            version=VERSION,
            wormhole=__version__,
            time=clock.unix_ms() / 1000,
            ready=not unready,
            unready=unready,
            proxies=proxies,
            process=self._process(),
            recent=self._recent.entries(),
        )

    def _process(self) -> ProcessSnapshot:
        return ProcessSnapshot(
            pid=os.getpid(),
            uptime_seconds=clock.now() - self._started,
            processor_seconds=time.process_time(),
            resident_bytes=_resident_bytes(),
            loop_lag_seconds=self._sampler.lag,
        )

    async def _ready(self, _request: web.Request) -> web.Response:
        unready = next((reason for proxy in self._proxies if (reason := proxy.snapshot().unready)), "")
        return web.Response(text=f"not ready: {unready}\n" if unready else "ready\n", status=503 if unready else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _status(self, request: web.Request) -> web.Response:
        wanted = request.query.get("connections", str(DEFAULT_CONNECTIONS))
        if not (wanted.isascii() and wanted.isdecimal() and int(wanted) <= MOST_CONNECTIONS):
            return web.Response(status=400, text=f"connections is a number up to {MOST_CONNECTIONS}\n")
        text = to_json(self.document(int(wanted))) + "\n"
        return web.Response(text=text, content_type="application/json")

    # --- the page's events ----------------------------------------------------------------------------------------------

    def _wake_watchers(self) -> None:
        for changed in self._watchers:
            changed.set()

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if len(self._watchers) >= _MOST_WATCHERS:
            return web.Response(status=503, text="as many pages as can be served are open\n")
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            return await self._stream(request, changed)
        finally:
            self._watchers.discard(changed)

    async def _stream(self, request: web.Request, changed: asyncio.Event) -> web.StreamResponse:
        """Server-sent events: the samples up to now, then the state and the newest sample, once a second."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(_event("history", list(self._sampler.samples)))
        while not self._closing:
            await response.write(self._state_event())
            changed.clear()
            await changed.wait()
        return response

    def _state_event(self) -> bytes:
        """The same for every page until the next sample."""
        sample = self._sampler.samples[-1] if self._sampler.samples else None
        if not self._last_event or sample is not self._last_sample:
            self._last_sample = sample
            self._last_event = _event("state", {"document": self.document(_PAGE_CONNECTIONS), "sample": sample})
        return self._last_event


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="alive\n")


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "wormhole"


def _asked_as_this_host(request: web.Request) -> bool:
    transport = request.transport
    is_unix = transport is not None and not isinstance(transport.get_extra_info("sockname"), tuple)
    return is_unix or names_this_host(request.headers.get("Host", ""))


def _event(name: str, value: object) -> bytes:
    return f"event: {name}\ndata: {to_json(value)}\n\n".encode()


def _resident_bytes() -> int:
    """What the process occupies now (Linux); elsewhere the most that it ever did."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return int(pages) * resource.getpagesize()
