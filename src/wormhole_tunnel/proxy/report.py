"""What proxies show of themselves: their live objects, read into the plain data of `observe.snapshot`."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final, Protocol

from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.crypto.aead import CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305
from wormhole_tunnel.keys.keyring import Keyring
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.observe.counters import Counters, LinkCounts
from wormhole_tunnel.observe.snapshot import (
    ConnectionSnapshot,
    ConnectionState,
    KeySnapshot,
    MemorySnapshot,
    PeerSnapshot,
    PeerState,
    Phase,
    ProxySnapshot,
    Role,
    Totals,
)
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.link import Link
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import ResetCode

CIPHER_NAMES: Final = {CIPHER_AES_256_GCM: "AES-256-GCM", CIPHER_CHACHA20_POLY1305: "ChaCha20-Poly1305"}
_CLEAN: Final = "clean"


class Carried(Protocol):
    """A connection that is carried: bytes read from its local socket, and bytes for it."""

    @property
    def sent(self) -> int:
        """Read."""

    @property
    def received(self) -> int:
        """Written."""


def outcome_of(end: PipeEnd, code: ResetCode | None) -> str:
    """How a connection's end is counted: `clean`, or the reason of its reset."""
    return _CLEAN if end is PipeEnd.CLEAN or code is None else code.name.lower()


def session_name(session: Session) -> str:
    """What logs and snapshots call a session, at both ends."""
    return session.identity.session_id[:4].hex()


def report(
    settings: TunnelSettings,
    role: Role,
    phase: Phase,
    listen: Iterable[object],
    connections: tuple[int, tuple[ConnectionSnapshot, ...]],
    peers: tuple[PeerSnapshot, ...],
    keys: tuple[KeySnapshot, ...],
    totals: Totals,
    memory: MemorySnapshot,
    counters: Counters,
) -> ProxySnapshot:
    """Put the parts together; `connections` are how many are open, and those to show."""
    addresses = tuple(str(address) for address in listen)
    return ProxySnapshot(
        name=addresses[0] if addresses else role.value,
        role=role,
        phase=phase,
        transport=settings.transport.value,
        framing=settings.framing.name.lower(),
        listen=addresses,
        connect=tuple(str(address) for address in settings.connect),
        open_connections=connections[0],
        connections=connections[1],
        peers=peers,
        keys=keys,
        totals=totals,
        memory=memory,
        moments=tuple(counters.moments),
    )


def totals(counters: Counters, role: Role, pipes: Iterable[Carried], linkless: float) -> Totals:
    """Everything counted, with what is still open; `linkless` is for how long links have been missing up to now."""
    open_pipes = tuple(pipes)
    sent = counters.sent + sum(map(attrgetter("sent"), open_pipes))
    received = counters.received + sum(map(attrgetter("received"), open_pipes))
    to_server, to_client = (sent, received) if role is Role.CLIENT else (received, sent)
    return Totals(
        connections_opened=counters.opened,
        connections_ended=dict(counters.ended),
        to_server_bytes=to_server,
        to_client_bytes=to_client,
        link=counters.links.total,
        handshakes=dict(counters.handshakes),
        dial_failures=dict(counters.dial_failures),
        sessions=counters.sessions,
        sessions_lost=counters.sessions_lost,
        resumptions=counters.resumptions,
        linkless_seconds=counters.linkless_seconds + linkless,
    )


def memory(buffers: Buffers, sessions: Iterable[Session]) -> MemorySnapshot:
    """The memory for data under way."""
    return MemorySnapshot(buffers.used, buffers.limit, sum(session.outbound.retention.cost for session in sessions))


def busiest(
    pipes: Iterable[Pipe], most: int, role: Role, target: Callable[[Pipe], str], now: float
) -> tuple[ConnectionSnapshot, ...]:
    """Up to `most` of the connections, those first that have moved the most bytes."""
    chosen = heapq.nlargest(most, pipes, key=_moved) if most else ()
    return tuple(_connection(pipe, role, target(pipe), now) for pipe in chosen)


def _moved(pipe: Pipe) -> int:
    return pipe.sent + pipe.received


def _connection(pipe: Pipe, role: Role, target: str, now: float) -> ConnectionSnapshot:
    up, down = (pipe.sent, pipe.received) if role is Role.CLIENT else (pipe.received, pipe.sent)
    peer = pipe.label.partition("/")[0]
    return ConnectionSnapshot(pipe.label, peer, _source(pipe), target, _state(pipe), now - pipe.started_at, up, down)


def _source(pipe: Pipe) -> str:
    """The client's address as its client proxy saw it, where that is known."""
    source = pipe.stream.source if pipe.stream is not None else None
    if source is None:
        return pipe.source
    host = f"[{source.host}]" if ":" in source.host else source.host
    return f"{host}:{source.port}"


def _state(pipe: Pipe) -> ConnectionState:
    stream = pipe.stream
    if stream is None:
        return ConnectionState.WAITING
    if not stream.opened:
        return ConnectionState.CONNECTING
    both_open = not stream.send_finished and not stream.receive_finished
    return ConnectionState.OPEN if both_open else ConnectionState.HALF_CLOSED


def peer(
    name: str, address: str, state: PeerState, since: float, session: Session | None, link: Link | None, resumed: int
) -> PeerSnapshot:
    """The other proxy; `resumed` is how often the session found a new link."""
    established = link.established if link is not None else None
    return PeerSnapshot(
        name=name,
        address=address,
        session=session_name(session) if session is not None else "",
        key=session.identity.key_name if session is not None else "",
        cipher=CIPHER_NAMES[established.cipher] if established is not None else "",
        state=state,
        state_seconds=since,
        round_trip_seconds=session.round_trip if session is not None else 0.0,
        connections=len(session.streams) if session is not None else 0,
        resumptions=resumed,
        retained_bytes=session.outbound.retention.cost if session is not None else 0,
        link=LinkCounts.of(link) if link is not None else LinkCounts(),
    )


def keys(
    keyring: Keyring, last_used: Callable[[str], float | None], peers: Iterable[PeerSnapshot]
) -> tuple[KeySnapshot, ...]:
    """Each key of the ring; `last_used` in Unix seconds."""
    in_use = [peer.key for peer in peers]
    return tuple(KeySnapshot(key.name, last_used(key.name), in_use.count(key.name)) for key in keyring)
