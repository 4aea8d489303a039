"""Who may connect: by network, and how many at once from one source."""

from __future__ import annotations

import ipaddress
from collections import Counter
from enum import Enum

from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.net.addresses import SourceAddress


class Refusal(Enum):
    """Why a source is refused, as the log says it."""

    NOT_ALLOWED = "--allow does not name its network"
    TOO_MANY = "--max-per-source reached"


class Access:
    """Decides at accept. A Unix socket's clients have no source: its permissions are what decides about them."""

    __slots__ = ("_open", "settings")

    def __init__(self, settings: TunnelSettings) -> None:
        self.settings = settings
        self._open: Counter[bytes] = Counter()  # by source network

    def allows(self, source: SourceAddress) -> bool:
        """Whether its network is allowed."""
        networks = self.settings.allow
        if not networks or not source.host:
            return True
        address = ipaddress.ip_address(source.host)
        return any(address.version == network.version and address in network for network in networks)

    def refusal(self, source: SourceAddress) -> Refusal | None:
        """Why one more connection from this source is refused, if it is."""
        if not self.allows(source):
            return Refusal.NOT_ALLOWED
        return self.crowding(source)

    def crowding(self, source: SourceAddress) -> Refusal | None:
        """Whether its source has as many connections as it may."""
        most = self.settings.max_per_source
        return Refusal.TOO_MANY if most and source.host and self._open[source.network] >= most else None

    def enter(self, source: SourceAddress) -> None:
        """A connection from there is open."""
        if source.host:
            self._open[source.network] += 1

    def leave(self, source: SourceAddress) -> None:
        """One that entered has ended."""
        if source.host:
            self._open[source.network] -= 1
            if self._open[source.network] <= 0:
                del self._open[source.network]

    def __len__(self) -> int:
        """How many sources have a connection."""
        return len(self._open)
