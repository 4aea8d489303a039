"""Connecting: to an IP address, to every address of a name (happy eyeballs, RFC 8305), or to a Unix socket.

Attempts are callbacks of the event loop, not tasks: a server proxy makes one for every stream. Only a name that has to
be looked up costs a task.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from wormhole_tunnel.net.addresses import Address, UnixAddress
from wormhole_tunnel.net.connect import Attempt
from wormhole_tunnel.net.resolver import Endpoint, LookUpError, Resolver, literal_endpoint
from wormhole_tunnel.net.tasks import Tasks

ATTEMPT_DELAY: Final = 0.250  # seconds between attempts, RFC 8305, section 8


class DialReason(Enum):
    """Why no connection came about, in the order in which one of several failures is the most telling."""

    REFUSED = "refused"
    DENIED = "denied"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    LIMIT = "limit"  # this process has no descriptor or memory left
    NAME = "name"


_REASONS: Final = {
    errno.ECONNREFUSED: DialReason.REFUSED,
    errno.ECONNRESET: DialReason.REFUSED,
    errno.ENOENT: DialReason.REFUSED,  # no such Unix socket: its server is not running
    errno.EACCES: DialReason.DENIED,
    errno.EPERM: DialReason.DENIED,
    errno.ETIMEDOUT: DialReason.TIMEOUT,
    errno.EMFILE: DialReason.LIMIT,
    errno.ENFILE: DialReason.LIMIT,
    errno.ENOBUFS: DialReason.LIMIT,
    errno.ENOMEM: DialReason.LIMIT,
}
_TELLING: Final = list(DialReason)


class DialError(Exception):
    """No connection; the text names the address and says why."""

    def __init__(self, reason: DialReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


Done = Callable[[socket.socket | DialError], None]
Order = Callable[[Sequence[Endpoint]], Sequence[Endpoint]]  # of a name's addresses, some of which may be left out


class Dial:
    """A dial under way. Its callback is called once, from the event loop, unless `cancel` came first."""

    __slots__ = (
        "_address",
        "_attempt_delay",
        "_attempts",
        "_done",
        "_ends_at",
        "_errors",
        "_look_up",
        "_loop",
        "_next",
        "_time_limit",
        "_timeout",
        "_waiting",
    )

    def __init__(self, address: Address, time_limit: float, attempt_delay: float, done: Done) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._attempt_delay = attempt_delay
        self._address = address
        self._done: Done | None = done
        self._attempts: list[Attempt] = []
        self._waiting: deque[Endpoint | str] = deque()
        self._errors: list[OSError] = []
        self._look_up: asyncio.Task[None] | None = None
        self._next: asyncio.TimerHandle | None = None
        self._time_limit = time_limit
        self._ends_at = loop.time() + time_limit
        self._timeout: asyncio.TimerHandle | None = None  # most are connected at once, and need none

    def cancel(self) -> None:
        """Give up: no callback follows, every socket is closed. Harmless once it is done."""
        self._done = None
        if self._timeout is not None:
            self._timeout.cancel()
        if self._next is not None:
            self._next.cancel()
        if self._look_up is not None:
            self._look_up.cancel()
        for attempt in self._attempts:
            attempt.cancel()
        self._attempts.clear()

    def start(self, endpoints: Sequence[Endpoint | str]) -> None:
        """Try these, each a moment after the one before, or at once when that has failed."""
        self._waiting.extend(endpoints)
        self._try_next()

    def look_up(self, tasks: Tasks, resolver: Resolver, host: str, port: int, order: Order) -> None:
        """Ask for the addresses of `host`, then start."""
        self._limit_time()
        self._look_up = tasks.spawn(self._resolve(resolver, host, port, order), f"look-up of {host}")

    async def _resolve(self, resolver: Resolver, host: str, port: int, order: Order) -> None:
        try:
            endpoints = await resolver.resolve(host, port)
        except LookUpError as error:
            self._look_up = None
            self._finish(DialError(DialReason.NAME, str(error)))
        else:
            self._look_up = None
            self.start(order(interleave(endpoints)))

    def _try_next(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        attempt = Attempt(self._loop, self._waiting.popleft(), self._attempt_done)
        self._attempts.append(attempt)
        if not attempt.settled:
            self._limit_time()
        if self._waiting:
            self._next = self._loop.call_later(self._attempt_delay, self._try_next)

    def _attempt_done(self, attempt: Attempt, result: socket.socket | OSError) -> None:
        self._attempts.remove(attempt)
        if isinstance(result, socket.socket):
            self._finish(result)
            return
        self._errors.append(result)
        if self._waiting:
            self._try_next()
        elif not self._attempts:
            self._finish(_most_telling(self._address, self._errors))

    def _limit_time(self) -> None:
        if self._timeout is None:
            self._timeout = self._loop.call_at(self._ends_at, self._timed_out)

    def _timed_out(self) -> None:
        self._finish(DialError(DialReason.TIMEOUT, f"{self._address}: no answer within {self._time_limit:g} s"))

    def _finish(self, result: socket.socket | DialError) -> None:
        done = self._done
        self.cancel()
        if done is not None:
            done(result)


class Dialer:
    """Makes connections; shares one resolver and its cache."""

    def __init__(self, resolver: Resolver, tasks: Tasks, attempt_delay: float = ATTEMPT_DELAY) -> None:
        self._resolver = resolver
        self._tasks = tasks
        self._attempt_delay = attempt_delay

    def dial_soon(self, address: Address, time_limit: float, done: Done, order: Order = list) -> Dial:
        """Connect within `time_limit` seconds and call `done` with the socket or a DialError, after this has returned.

        A name's addresses are tried in the `order` that this makes of the usual one; it may leave some out.

        The socket is non-blocking, without delay (TCP_NODELAY) and with keepalive; it belongs to the callback.
        """
        dial = Dial(address, time_limit, self._attempt_delay, done)
        if isinstance(address, UnixAddress):
            dial.start((address.path,))
        elif endpoint := literal_endpoint(address.host, address.port):
            dial.start((endpoint,))
        else:
            dial.look_up(self._tasks, self._resolver, address.host, address.port, order)
        return dial

    async def dial(self, address: Address, time_limit: float) -> socket.socket:
        """Connect within `time_limit` seconds; the socket is as `dial_soon` says.

        Raises DialError.
        """
        future: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        dial = self.dial_soon(address, time_limit, lambda result: _set_result(future, result))
        try:
            return await future
        except asyncio.CancelledError:
            dial.cancel()
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().close()
            raise


def interleave(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Families in turn, beginning with that of the first address (RFC 8305, section 4); else the order stays."""
    first = [endpoint for endpoint in endpoints if endpoint.family == endpoints[0].family]
    second = [endpoint for endpoint in endpoints if endpoint.family != endpoints[0].family]
    shorter = min(len(first), len(second))
    pairs = [endpoint for pair in zip(first, second, strict=False) for endpoint in pair]
    return pairs + first[shorter:] + second[shorter:]


def _set_result(future: asyncio.Future[socket.socket], result: socket.socket | DialError) -> None:
    if isinstance(result, DialError):
        if not future.done():
            future.set_exception(result)
    elif future.done():  # cancelled in this very turn of the loop
        result.close()
    else:
        future.set_result(result)


def _most_telling(address: Address, errors: Sequence[OSError]) -> DialError:
    reasons = [(_reason(error), error) for error in errors]
    reason, error = min(reasons, key=lambda pair: _TELLING.index(pair[0]))
    tried = f" (tried {len(errors)} addresses)" if len(errors) > 1 else ""
    return DialError(reason, f"{address}: {error.strerror or error}{tried}")


def _reason(error: OSError) -> DialReason:
    return _REASONS.get(error.errno or 0, DialReason.UNREACHABLE)
