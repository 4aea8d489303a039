"""Ends connections in which nothing has moved for too long, and those of which one side has finished, sooner or later.

One timer for all of them: every so often their byte counts are compared with what they were. So a connection ends a
little later than its limit says, by an eighth at most, and costs nothing while it is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import islice
from typing import Final, Protocol

from wormhole_tunnel.net import clock

_FRACTION: Final = 16  # sweeps within a limit; being noticed late and ended late may cost two
_SLICE: Final = 2000  # connections looked at before the loop serves others
_UNMOVED: Final = -1


class Limits(Protocol):
    """The two limits, in seconds; 0 is off."""

    @property
    def idle_timeout(self) -> float:
        """For any connection."""

    @property
    def half_open_timeout(self) -> float:
        """For one of which one side has finished."""


class Reapable(Protocol):
    """A connection, as far as it matters here."""

    @property
    def sent(self) -> int:
        """Bytes from the local socket."""

    @property
    def received(self) -> int:
        """Bytes for the local socket."""

    @property
    def half_open(self) -> bool:
        """Whether exactly one side has finished."""

    def expire(self) -> None:
        """End it: nothing has moved for too long."""


class Reaper:
    """Watches `connections`, its owner's own collection. Within a running event loop."""

    def __init__(self, connections: Collection[Reapable], limits: Limits) -> None:
        self._connections = connections
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._seen: dict[Reapable, tuple[int, float]] = {}  # bytes moved so far, and since when it has been so many
        self._rest_later()

    def apply(self, limits: Limits) -> None:
        """Other limits hold from now on."""
        self._limits = limits
        self.close()
        self._rest_later()

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest_later(self) -> None:
        chosen = [limit for limit in (self._limits.idle_timeout, self._limits.half_open_timeout) if limit]
        if chosen:
            self._timer = self._loop.call_later(min(chosen) / _FRACTION, self._begin)

    def _begin(self) -> None:
        self._sweep(list(self._connections), 0, {})

    def _sweep(self, connections: list[Reapable], start: int, seen: dict[Reapable, tuple[int, float]]) -> None:
        now = clock.now()
        for connection in islice(connections, start, start + _SLICE):
            moved = connection.sent + connection.received
            before, since = self._seen.get(connection, (_UNMOVED, now))
            seen[connection] = (moved, since if moved == before else now)
            if self._is_over(connection, now - seen[connection][1]) and connection in self._connections:
                connection.expire()
        if start + _SLICE < len(connections):
            self._timer = self._loop.call_soon(self._sweep, connections, start + _SLICE, seen)
            return
        self._seen = seen
        self._rest_later()

    def _is_over(self, connection: Reapable, quiet: float) -> bool:
        idle, half_open = self._limits.idle_timeout, self._limits.half_open_timeout
        return bool((idle and quiet >= idle) or (half_open and quiet >= half_open and connection.half_open))
