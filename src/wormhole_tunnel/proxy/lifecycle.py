"""Where a proxy is in its life, and the end of it that does no harm: draining."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from wormhole_tunnel.limits import CLOSE_TIMEOUT
from wormhole_tunnel.net import clock
from wormhole_tunnel.observe.snapshot import Phase

_ORDER: Final = tuple(Phase)

Watcher = Callable[[Phase], None]


class Lifecycle:
    """Starting, serving, draining, stopped: never back. Watchers are told of each step."""

    __slots__ = ("_watchers", "phase")

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self._watchers: list[Watcher] = []

    @property
    def serving(self) -> bool:
        """Whether new connections are welcome."""
        return self.phase is Phase.SERVING

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` at each step from now on."""
        self._watchers.append(watcher)

    def enter(self, phase: Phase) -> None:
        """Go on to this phase; one that is past already is left alone."""
        if _ORDER.index(phase) > _ORDER.index(self.phase):
            self.phase = phase
            for watcher in self._watchers:
                watcher(phase)


class Emptiness:
    """Waits for a collection to be empty; its owner says with `look` when it may have become so."""

    __slots__ = ("_collection", "_empty")

    def __init__(self, collection: Collection[object]) -> None:
        self._collection = collection
        self._empty = asyncio.Event()

    def look(self) -> None:
        """Something was removed."""
        if not self._collection:
            self._empty.set()

    async def wait(self) -> None:
        """Return once it is empty."""
        while self._collection:
            self._empty.clear()
            await self._empty.wait()


async def drain(
    connections_ended: Callable[[], Awaitable[None]], sessions_ended: Callable[[], Awaitable[None]], limit: float
) -> bool:
    """Wait until connections have ended, for `limit` seconds, and then sessions; tells whether all have.

    Sessions without connections end by themselves; where nothing of the limit is left, they get `CLOSE_TIMEOUT` for it.
    """
    ends_at = clock.now() + limit
    try:
        async with asyncio.timeout(limit):
            await connections_ended()
        async with asyncio.timeout(max(ends_at - clock.now(), 2 * CLOSE_TIMEOUT)):
            await sessions_ended()
    except TimeoutError:
        return False
    return True
