"""Host names to addresses, off the event loop.

`getaddrinfo` blocks, sometimes for half a minute, so it runs in a few daemon threads: neither the loop nor the exit of
the process ever waits for one. A name that many connections want at once is looked up once. A result holds for two
seconds; a failure is never kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.net import clock

CACHE_TIME: Final = 2.0  # seconds: spares the name server in a burst, yet follows a failover by DNS
MAX_THREADS: Final = 8  # a name whose server is silent holds one for as long as the system's resolver tries


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What `connect` and `bind` take: a family and a numeric host and port (with flow and scope for IPv6)."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


class LookUpError(Exception):
    """A name that has no address or could not be looked up; the text says which."""


LookUp = Callable[[str], list[Endpoint]]  # may block; raises LookUpError
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def look_up(host: str) -> list[Endpoint]:
    """Ask the system's resolver, in its order of preference (RFC 6724). Blocks. The ports are 0.

    Raises LookUpError.
    """
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise LookUpError(f"{host!r}: {error.strerror}") from error
    except (OSError, UnicodeError) as error:
        raise LookUpError(f"{host!r}: {error}") from error
    return [_from_sockaddr(family, sockaddr) for family, _, _, _, sockaddr in found if family in _FAMILIES]


@functools.lru_cache(maxsize=256)
def literal_endpoint(host: str, port: int) -> Endpoint | None:
    """The endpoint of a numeric host; None for a name, and for IPv6 with a scope, which the system numbers."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return Endpoint(socket.AF_INET, (host, port))
    return Endpoint(socket.AF_INET6, (host, port, 0, 0)) if address.scope_id is None else None


class Resolver:
    """Looks names up for one event loop.

    Another source of names, number of threads or clock than usual can be given.
    """

    def __init__(
        self, look_up: LookUp = look_up, threads: int = MAX_THREADS, now: Callable[[], float] = clock.now
    ) -> None:
        self._threads = _DaemonThreads(threads)
        self._look_up = look_up
        self._now = now
        self._waiting: dict[str, list[asyncio.Future[tuple[Endpoint, ...]]]] = {}
        self._cache: dict[str, tuple[float, tuple[Endpoint, ...]]] = {}

    async def resolve(self, host: str, port: int) -> tuple[Endpoint, ...]:
        """Every address of `host`, the preferred one first; at least one.

        Raises LookUpError. To cancel it leaves the look-up running for whoever else waits for that name.
        """
        literal = literal_endpoint(host, port)
        if literal is not None:
            return (literal,)
        endpoints = self._cached(host)
        if endpoints is None:
            endpoints = await self._wait_for(host)
        return tuple(_with_port(endpoint, port) for endpoint in endpoints)

    def _cached(self, host: str) -> tuple[Endpoint, ...] | None:
        expires, endpoints = self._cache.get(host, (0.0, None))
        return endpoints if expires > self._now() else None

    async def _wait_for(self, host: str) -> tuple[Endpoint, ...]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[Endpoint, ...]] = loop.create_future()
        first = host not in self._waiting
        self._waiting.setdefault(host, []).append(future)
        if first:
            self._threads.submit(lambda: self._run(host, loop))
        return await future

    def _run(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        result: tuple[Endpoint, ...] | LookUpError
        try:
            result = tuple(self._look_up(host)) or LookUpError(f"{host!r} has no address")
        except LookUpError as error:
            result = error
        except Exception as error:  # whatever it was, those who wait must hear
            result = LookUpError(f"{host!r}: {type(error).__name__}: {error}")
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(self._finish, host, result)

    def _finish(self, host: str, result: tuple[Endpoint, ...] | LookUpError) -> None:
        if not isinstance(result, LookUpError):
            self._remember(host, result)
        for future in self._waiting.pop(host):
            if future.done():
                continue
            if isinstance(result, LookUpError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _remember(self, host: str, endpoints: tuple[Endpoint, ...]) -> None:
        now = self._now()
        self._cache = {name: entry for name, entry in self._cache.items() if entry[0] > now}
        self._cache[host] = (now + CACHE_TIME, endpoints)


class _DaemonThreads:
    """At most `limit` threads, made when needed. (An executor's threads would keep the process from exiting.)"""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._count = 0

    def submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)
        with self._lock:
            self._unfinished += 1
            if self._count < min(self._unfinished, self._limit):
                self._count += 1
                threading.Thread(target=self._work, name=f"resolver-{self._count}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                self._unfinished -= 1


def _from_sockaddr(family: socket.AddressFamily, sockaddr: tuple[str | int | bytes, ...]) -> Endpoint:
    host = str(sockaddr[0])
    if family == socket.AF_INET:
        return Endpoint(family, (host, 0))
    return Endpoint(family, (host, 0, int(sockaddr[2]), int(sockaddr[3])))


def _with_port(endpoint: Endpoint, port: int) -> Endpoint:
    host, _, *rest = endpoint.sockaddr
    return Endpoint(endpoint.family, (host, port, rest[0], rest[1]) if rest else (host, port))
