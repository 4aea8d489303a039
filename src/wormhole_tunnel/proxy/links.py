"""The links of a client proxy: what it offers to a server proxy, and what it means when one comes to nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from wormhole_tunnel import limits
from wormhole_tunnel.errors import LinkTimeoutError, ProtocolError
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.observe.counters import Counters, HandshakeResult
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.link import Link
from wormhole_tunnel.session.session import Session, SessionSettings
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.handshake import (
    ANY_INSTANCE,
    ClientOffer,
    FramingSpec,
    HandshakeRefusedError,
    KeyGenerator,
)

_SUSPECT_AFTER: Final = 0.5  # seconds without an answer, or SPARE_ROUND_TRIPS
_random: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """What every uplink of a client proxy has in common."""

    key: Key
    ciphers: int
    framing: tuple[FramingSpec, FramingSpec]
    flush_delay: float
    session: SessionSettings
    counters: Counters = field(default_factory=Counters)

    def new_link(self, session: Session | None, buffers: Buffers, generator: KeyGenerator) -> ClientLink:
        """A link that is to resume `session`, or to found one; the offer has the time of now."""
        to_server, to_client = self.framing
        instance = session.identity.instance if session is not None else ANY_INSTANCE
        offer = ClientOffer(clock.unix_ms(), self.ciphers, to_server, to_client, instance)
        framing = Framing.of(to_server, self.flush_delay), Framing.of(to_client, self.flush_delay)
        now = clock.now()
        link = ClientLink(self.key, offer, framing, self.session, buffers, generator, now, session)
        jitter = _random.uniform(1 - limits.LINK_AGE_JITTER, 1 + limits.LINK_AGE_JITTER)
        link.renew_at = now + limits.LINK_MAX_AGE * jitter
        return link


def is_suspect(link: Link, now: float) -> bool:
    """Whether an answer has been due for so long that new streams had better go elsewhere."""
    session = link.session
    oldest = session.outbound.retention.oldest if session is not None else None
    if session is None or oldest is None:
        return False
    quiet_since = max(oldest.sealed_at, link.liveness.heard_at)
    return now - quiet_since > max(_SUSPECT_AFTER, limits.SPARE_ROUND_TRIPS * session.round_trip)


def was_good(driver: LinkDriver, lived: float) -> bool:
    """Whether a lost link had lived long enough, or carried enough, that its successor may be dialled at once."""
    carried = driver.link.bytes_sent + driver.link.bytes_received
    return lived >= limits.REDIAL_RESET_AFTER or carried >= limits.REDIAL_RESET_BYTES


def handshake_result(driver: LinkDriver, error: ProtocolError | OSError | None) -> HandshakeResult:
    """What a handshake that came to nothing is counted as."""
    if isinstance(error, HandshakeRefusedError):
        return HandshakeResult[error.answer.status.name]
    silent = error is None or isinstance(error, (LinkTimeoutError, OSError))
    return HandshakeResult.NO_ANSWER if driver.link.established is None and silent else HandshakeResult.FAILED


def explain(driver: LinkDriver, error: ProtocolError | OSError | None) -> str:
    """What a handshake that failed can mean, for a log line."""
    if isinstance(error, HandshakeRefusedError):
        return str(error)
    if handshake_result(driver, error) is HandshakeResult.NO_ANSWER:
        return "no answer to the handshake: another key, another protocol version, or not a wormhole server proxy"
    return f"the handshake failed: {error or 'the server proxy closed the link'}"
