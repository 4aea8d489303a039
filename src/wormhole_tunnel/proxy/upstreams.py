"""The servers behind a server proxy: which one a stream is connected to, and which of them work.

A server that refuses or does not answer is avoided at once, and the stream goes to the next one, within the same time
limit. How long it is avoided grows with each failure; then a stream tries it again. Where health checks are on, a server
that fails one is avoided until it passes one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from wormhole_tunnel.config.options import Preference
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.dial import Dial, Dialer, DialError, DialReason
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.proxy.failover import Health, ranked

_log = get_logger("wormhole.server")
_TELLING: Final = list(DialReason)


class Upstream:
    """One server. `load` counts the streams that are connected to it, or being connected."""

    __slots__ = ("_health", "address", "load", "unhealthy")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.load = 0
        self.unhealthy = False  # by the last health check
        self._health = Health(random.SystemRandom())

    def avoided(self, now: float) -> bool:
        """Whether others go first."""
        return self.unhealthy or self._health.avoided(now)

    def failed(self, now: float) -> None:
        """A stream could not be connected."""
        self._health.failed(now)

    def succeeded(self) -> None:
        """A stream was connected, or a check passed."""
        if self._health.succeeded() or self.unhealthy:
            self.unhealthy = False
            log_event(_log, logging.INFO, "server_up", f"server {self.address} works again", server=str(self.address))


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """`connect_timeout` bounds all attempts for one stream; both times in seconds, `health_interval` 0 is off."""

    connect_timeout: float
    preference: Preference = Preference.LEAST_LOAD
    health_interval: float = 0.0


Connected = Callable[[socket.socket | DialError], None]


class Connecting:
    """A stream's way to a server. `release` it when the stream has ended; a connection under way is then given up."""

    __slots__ = ("_candidates", "_dial", "_dialer", "_done", "_ends_at", "_errors", "_upstream")

    def __init__(self, candidates: Sequence[Upstream], time_limit: float, dialer: Dialer, done: Connected) -> None:
        self._candidates = list(candidates)
        self._ends_at = clock.now() + time_limit
        self._dialer = dialer
        self._done = done
        self._errors: list[DialError] = []
        self._dial: Dial | None = None
        self._upstream: Upstream | None = None
        self._try_next()

    @property
    def address(self) -> Address | None:
        """The server that is connected, or tried."""
        return self._upstream.address if self._upstream is not None else None

    def _try_next(self) -> None:
        """Each server that is left may use as much of the remaining time as the others."""
        remaining = round(max(0.0, self._ends_at - clock.now()) / len(self._candidates), 2)
        upstream = self._upstream = self._candidates.pop(0)
        upstream.load += 1
        self._dial = self._dialer.dial_soon(upstream.address, remaining, partial(self._dialed, upstream))

    def _dialed(self, upstream: Upstream, result: socket.socket | DialError) -> None:
        self._dial = None
        if isinstance(result, socket.socket):
            upstream.succeeded()
            self._done(result)
            return
        self._errors.append(result)
        own_fault = result.reason is DialReason.LIMIT
        if not own_fault:
            upstream.failed(clock.now())
        if own_fault or not self._candidates:
            self._done(_most_telling(self._errors))
            return
        message = f"can't connect: {result}; trying the next server"
        log_event(_log, logging.WARNING, "server_failed", message, server=str(upstream.address))
        self.release()
        self._try_next()

    def release(self) -> None:
        """The server carries this stream no more. Idempotent."""
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        if self._upstream is not None:
            self._upstream.load -= 1
            self._upstream = None


def _most_telling(errors: Sequence[DialError]) -> DialError:
    if len(errors) == 1:
        return errors[0]
    reason = min((error.reason for error in errors), key=_TELLING.index)
    return DialError(reason, "; ".join(map(str, errors)))


class Upstreams:
    """See the module. It is made within a running event loop."""

    def __init__(self, addresses: Sequence[Address], settings: UpstreamSettings, dialer: Dialer) -> None:
        self._settings = settings
        self._dialer = dialer
        self._upstreams = [Upstream(address) for address in addresses]
        self._loop = asyncio.get_running_loop()
        self._checks: dict[Upstream, Dial] = {}
        self._next_checks: asyncio.TimerHandle | None = None
        if settings.health_interval:
            self._check_all()

    def connect(self, done: Connected) -> Connecting:
        """Connect a stream; `done` is called after this has returned, unless it is released before."""
        candidates = self._upstreams
        if len(candidates) > 1:
            candidates = ranked(candidates, self._settings.preference, clock.now())
        return Connecting(candidates, self._settings.connect_timeout, self._dialer, done)

    # --- health checks --------------------------------------------------------------------------------------------------

    def _check_all(self) -> None:
        interval = self._settings.health_interval
        limit = min(interval, self._settings.connect_timeout)
        for upstream in self._upstreams:
            if upstream not in self._checks:
                done = partial(self._checked, upstream)
                self._checks[upstream] = self._dialer.dial_soon(upstream.address, limit, done)
        self._next_checks = self._loop.call_later(interval, self._check_all)

    def _checked(self, upstream: Upstream, result: socket.socket | DialError) -> None:
        del self._checks[upstream]
        if isinstance(result, socket.socket):
            reset_on_close(result)
            result.close()
            upstream.succeeded()
        elif not upstream.unhealthy and result.reason is not DialReason.LIMIT:
            upstream.unhealthy = True
            message = f"server {upstream.address} fails its health check: {result}"
            log_event(_log, logging.WARNING, "server_down", message, server=str(upstream.address))

    def close(self) -> None:
        """Check no more."""
        if self._next_checks is not None:
            self._next_checks.cancel()
        for check in self._checks.values():
            check.cancel()
        self._checks.clear()
