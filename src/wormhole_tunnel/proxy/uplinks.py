"""A client proxy's uplinks: which there are, and which of them takes a new connection.

Each address to connect to has as many places as there are to be links, and each place an uplink. When that has to go (its
server proxy drains, its key is replaced, its stream ids run out) or is missing for a while though its name has other
addresses, a successor takes the place. The former uplink goes on: it serves new connections until the successor is up, if
it can, and ends with its last stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, Protocol

from wormhole_tunnel.config.options import Preference
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.limits import CLOSE_TIMEOUT
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.pipe import Pipe
from wormhole_tunnel.proxy.failover import ranked
from wormhole_tunnel.proxy.links import UplinkSettings
from wormhole_tunnel.proxy.uplink import Uplink, UplinkOwner

STAND_IN_AFTER: Final = 0.5  # seconds without a link, before another address of the same name is tried for new streams

MakeUplink = Callable[[UplinkOwner, Address, UplinkSettings], Uplink]


class UplinksOwner(Protocol):
    """The client proxy, as its uplinks see it."""

    def uplink_ready(self) -> None:
        """`choose` may find what it did not find before."""

    def place(self, pipe: Pipe) -> None:
        """Open a stream for the pipe, whose former one was never begun at the other end."""


class Uplinks:
    """See the module. `make` makes an uplink that does not dial yet."""

    def __init__(
        self,
        owner: UplinksOwner,
        places: Iterable[Address],
        settings: UplinkSettings,
        preference: Preference,
        make: MakeUplink,
    ) -> None:
        self._owner = owner
        self._settings = settings
        self.preference = preference
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._all_ended = asyncio.Event()
        self._former: dict[Uplink, int] = {}
        self._current = [make(self, address, settings) for address in places]

    def __iter__(self) -> Iterator[Uplink]:
        """All that are not over yet."""
        yield from self._current
        yield from self._former

    def dial(self) -> None:
        """Begin to dial."""
        for uplink in self._current:
            uplink.dial()

    # --- choosing -------------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether a stream could be opened now."""
        return any(uplink.ready for uplink in self)

    def choose(self) -> Uplink | None:
        """Where to open a stream. Those that are to go come into question only when there is no other."""
        for uplinks in (self._current, self._former):
            ready = [uplink for uplink in uplinks if uplink.ready]
            if len(ready) == 1:
                return ready[0]
            if ready:
                return ranked(ready, self.preference, clock.now())[0]
        return None

    # --- succession -----------------------------------------------------------------------------------------------------

    def replace_key(self, key: Key) -> None:
        """Found sessions with this key from now on. The present ones keep theirs until their streams have ended."""
        self._settings = replace(self._settings, key=key)
        for uplink in list(self._current):
            self._succeed(uplink)

    def _succeed(self, uplink: Uplink) -> None:
        """Put a new uplink into this one's place."""
        if self._closed or uplink not in self._current:
            return
        place = self._current.index(uplink)
        successor = self._current[place] = self._make(self, uplink.address, self._settings)
        self._former[uplink] = place
        successor.dial()
        if uplink.session is None:
            uplink.retire()

    def uplink_ready(self, uplink: Uplink) -> None:
        """Part of `UplinkOwner`."""
        if uplink in self._current:
            place = self._current.index(uplink)
            for former in [former for former, its in self._former.items() if its == place]:
                former.retire()
        self._owner.uplink_ready()

    def uplink_down(self, uplink: Uplink) -> None:
        """Part of `UplinkOwner`."""
        self._loop.call_later(STAND_IN_AFTER, self._stand_in, uplink)

    def _stand_in(self, uplink: Uplink) -> None:
        if uplink.has_alternatives and not uplink.ready:
            self._succeed(uplink)

    def uplink_leaving(self, uplink: Uplink) -> None:
        """Part of `UplinkOwner`."""
        self._succeed(uplink)
        uplink.retire()

    def uplink_ended(self, uplink: Uplink) -> None:
        """Part of `UplinkOwner`."""
        place = self._former.pop(uplink, None)
        if place is not None and not self._closed:
            self._current[place].hurry()  # a process that has drained is replaced about now
        if uplink in self._current:
            self._current.remove(uplink)
        if not self._current and not self._former:
            self._all_ended.set()

    def place(self, pipe: Pipe) -> None:
        """Part of `UplinkOwner`."""
        self._owner.place(pipe)

    # --- ends -----------------------------------------------------------------------------------------------------------

    def end_idle(self) -> None:
        """A stream has ended: it may have been the last of an uplink that is to go."""
        for uplink in list(self._former):
            uplink.end_if_idle()

    async def drained(self) -> None:
        """End every session in good order, each with its last stream."""
        self._closed = True
        for uplink in list(self):
            uplink.retire()
        await self._ended()

    async def close(self) -> None:
        """End every session now, and tell the server proxies as far as they listen."""
        self._closed = True
        for uplink in list(self):
            uplink.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._ended()
        except TimeoutError:
            for uplink in list(self):
                uplink.abandon()

    async def _ended(self) -> None:
        if self._current or self._former:
            await self._all_ended.wait()
