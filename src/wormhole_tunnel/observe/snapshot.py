"""What a proxy shows of itself at one moment: plain data, from which metrics, the page and `wormhole top` are made.

Sizes are in bytes, times in seconds, moments in Unix seconds. Nothing here is secret: no key, no payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from wormhole_tunnel.observe.counters import HandshakeResult, LinkCounts, Moment


class Role(Enum):
    """Which end of the tunnel."""

    CLIENT = "client"
    SERVER = "server"


class Phase(Enum):
    """Where a proxy is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    STOPPED = "stopped"


class PeerState(Enum):
    """What the session with a peer runs on."""

    UP = "up"
    CONNECTING = "connecting"  # a dial or a handshake is under way
    WAITING = "waiting"  # for the next attempt; there is no session
    RESUMING = "resuming"  # the session has no link, and waits for one


class ConnectionState(Enum):
    """How far a connection is."""

    WAITING = "waiting"  # for a session
    CONNECTING = "connecting"  # to the server
    OPEN = "open"
    HALF_CLOSED = "half_closed"


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """One connection. `id` is the same in both proxies; `peer` is the session's name, empty while it waits for one."""

    id: str
    peer: str
    source: str
    target: str
    state: ConnectionState
    age_seconds: float
    to_server_bytes: int
    to_client_bytes: int


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """The other proxy, and the session with it. `name` is an address for a client proxy, a session's for a server proxy.

    `state_seconds` is how long the state has lasted. `cipher` and `key` are empty until a handshake has named them.
    """

    name: str
    address: str
    session: str
    key: str
    cipher: str
    state: PeerState
    state_seconds: float
    round_trip_seconds: float
    connections: int
    resumptions: int
    retained_bytes: int
    link: LinkCounts


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """A key of the ring, and how many `peers` use it now. `last_used_time` is None when nobody has since the start."""

    name: str
    last_used_time: float | None
    peers: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Counted since the start; open connections and links included."""

    connections_opened: int
    connections_ended: Mapping[str, int]  # by outcome
    to_server_bytes: int
    to_client_bytes: int
    link: LinkCounts
    handshakes: Mapping[HandshakeResult, int]
    dial_failures: Mapping[str, int]  # by reason
    sessions: int
    sessions_lost: int
    resumptions: int
    linkless_seconds: float


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """Data under way. `retained_bytes` wait for the peer's acknowledgement; `limit_bytes` is 0 where there is none."""

    used_bytes: int
    limit_bytes: int
    retained_bytes: int


@dataclass(frozen=True, slots=True)
class ProxySnapshot:
    """All of a proxy. `connections` may be a selection of the `open_connections`, the busiest first."""

    name: str
    role: Role
    phase: Phase
    transport: str
    framing: str
    listen: tuple[str, ...]
    connect: tuple[str, ...]
    open_connections: int
    connections: tuple[ConnectionSnapshot, ...]
    peers: tuple[PeerSnapshot, ...]
    keys: tuple[KeySnapshot, ...]
    totals: Totals
    memory: MemorySnapshot
    moments: tuple[Moment, ...]

    @property
    def unready(self) -> str:
        """Why a new client would not be carried at once; empty when it would."""
        if self.phase is not Phase.SERVING:
            return str(self.phase.value)
        if self.role is Role.CLIENT and self.peers and all(peer.state is not PeerState.UP for peer in self.peers):
            return "no link to a server proxy"
        return ""


class Observable(Protocol):
    """A proxy that can be looked at."""

    def snapshot(self, most_connections: int = 0) -> ProxySnapshot:
        """How it stands now, with at most so many of its connections."""
