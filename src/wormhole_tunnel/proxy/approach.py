"""Getting connections to a server proxy: dialling, pausing, and going through all addresses of a name.

A name is looked up anew for each dial. A connection that leads nowhere, since the process there refuses or is another one
than the session's, makes its address come last until all have been tried.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Hashable, Sequence
from typing import Final, Protocol

from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.dial import Dial, Dialer, DialError
from wormhole_tunnel.net.resolver import Endpoint
from wormhole_tunnel.net.socket_options import set_link_options
from wormhole_tunnel.proxy.backoff import Backoff
from wormhole_tunnel.proxy.failover import Round

_DIAL_TIMEOUT: Final = 10.0  # seconds


class ApproachOwner(Protocol):
    """Who wants the connections."""

    def connected(self, sock: socket.socket) -> None:
        """A connection stands. Say with `settled` or `in_vain` what came of it."""

    def unreachable(self, error: DialError) -> None:
        """No address answered."""


class Approach:
    """See the module. `home` is where the session was founded, once it was: that address goes first."""

    def __init__(self, address: Address, dialer: Dialer, owner: ApproachOwner) -> None:
        self.address: Final = address
        self.home: Hashable = None
        self._dialer = dialer
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._dial: Dial | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._backoff = Backoff(random.SystemRandom())
        self._round = Round()
        self._peer: Hashable = None  # where the last connection led
        self._closed = False

    @property
    def under_way(self) -> bool:
        """Whether a connection is being made."""
        return self._dial is not None

    @property
    def has_alternatives(self) -> bool:
        """Whether the name had several addresses when it was last looked up."""
        return self._round.addresses > 1

    @property
    def at_home(self) -> bool:
        """Whether the last connection led to where the session was founded."""
        return self.home is not None and self._peer == self.home

    def dial(self) -> None:
        """Dial now, unless that is under way."""
        if self._closed or self._dial is not None:
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._dial = self._dialer.dial_soon(self.address, _DIAL_TIMEOUT, self._dialed, self._order)

    def _order(self, endpoints: Sequence[Endpoint]) -> Sequence[Endpoint]:
        by_address: dict[Hashable, Endpoint] = {endpoint.sockaddr: endpoint for endpoint in endpoints}
        return [by_address[address] for address in self._round.order(list(by_address), self.home)]

    def _dialed(self, result: socket.socket | DialError) -> None:
        self._dial = None
        if isinstance(result, DialError):
            self._round.begin()
            self._owner.unreachable(result)
            return
        self._peer = _peer_of(result)
        set_link_options(result)
        self._owner.connected(result)

    def settled(self) -> None:
        """The connection is of use."""
        self.home = self._peer
        self._round.begin()

    def in_vain(self) -> bool:
        """The connection is of no use; tells whether another address of the name is dialled now."""
        if self._round.tried(self._peer):
            self.dial()
            return True
        self._round.begin()
        return False

    def dial_later(self) -> float:
        """Dial again after a pause; returns its seconds."""
        pause = self._backoff.pause()
        if not self._closed and self._retry is None:
            self._retry = self._loop.call_later(pause, self._dial_again)
        return pause

    def lost(self, *, good: bool) -> None:
        """A connection that was of use is gone: after a good one the next dial follows at once."""
        if good:
            self._backoff.restart()
        self.dial_later()

    def hurry(self) -> None:
        """There is news: dial now, and begin anew with the pauses."""
        self._backoff.restart()
        self.dial()

    def _dial_again(self) -> None:
        self._retry = None
        self.dial()

    def close(self) -> None:
        """No connection follows."""
        self._closed = True
        self.stop()

    def stop(self) -> None:
        """Give up what is under way."""
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def _peer_of(sock: socket.socket) -> Hashable:
    try:
        peer: Hashable = sock.getpeername()
    except OSError:  # it is gone already, as the first read will tell
        return None
    return peer
