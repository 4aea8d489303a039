"""What a proxy counts from its start. Plain numbers that only grow: whoever looks subtracts.

Bytes are not counted here as they pass. Links and connections have counts of their own, which are added up when they end;
a snapshot adds those of the open ones.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

MOMENTS_KEPT: Final = 200


class HandshakeResult(Enum):
    """What became of a handshake."""

    OK = "ok"
    NO_ANSWER = "no_answer"  # client: silence, so another key, another version, or not a server proxy
    NO_KEY = "no_key"  # server: no valid tag, or a replay; it got no answer
    ABANDONED = "abandoned"  # server: the peer left before the end, as a port scan does
    LIMITED = "limited"
    DENIED = "denied"  # server: closed at accept, by --allow or --max-per-source
    FRAMING_REFUSED = "framing_refused"
    CLOCK = "clock"
    DRAINING = "draining"
    BUSY = "busy"
    FAILED = "failed"


class MomentKind(Enum):
    """What a time line shows."""

    UP = "up"
    LOST = "lost"
    RESUMED = "resumed"
    SESSION_LOST = "session_lost"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a link, at `time` (Unix seconds). `linkless_seconds` went before a new link."""

    time: float
    kind: MomentKind
    peer: str
    linkless_seconds: float = 0.0


class CountedLink(Protocol):
    """The part of a link that is counted here, in bytes and records. Padding is what was sent of it."""

    bytes_sent: int
    bytes_received: int
    records_sent: int
    records_received: int
    padding_bytes: int


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """Bytes and records of links, on the wire; how many of the bytes sent were padding."""

    bytes_sent: int = 0
    bytes_received: int = 0
    records_sent: int = 0
    records_received: int = 0
    padding_bytes: int = 0

    @classmethod
    def of(cls, link: CountedLink) -> LinkCounts:
        """As they are now."""
        return _sum(cls(), link)


class LinkTally:
    """All links of a proxy, the ended ones as sums."""

    __slots__ = ("_ended", "_open")

    def __init__(self) -> None:
        self._open: set[CountedLink] = set()
        self._ended = LinkCounts()

    def begin(self, link: CountedLink) -> None:
        """The link counts from now on."""
        self._open.add(link)

    def end(self, link: CountedLink) -> None:
        """The link counts no further. Harmless when it never began."""
        if link in self._open:
            self._open.discard(link)
            self._ended = _sum(self._ended, link)

    @property
    def total(self) -> LinkCounts:
        """Ended and open ones together."""
        total = self._ended
        for link in self._open:
            total = _sum(total, link)
        return total


def _sum(one: LinkCounts, other: CountedLink) -> LinkCounts:
    return LinkCounts(
        one.bytes_sent + other.bytes_sent,
        one.bytes_received + other.bytes_received,
        one.records_sent + other.records_sent,
        one.records_received + other.records_received,
        one.padding_bytes + other.padding_bytes,
    )


class Counters:
    """One proxy's. Bytes are those of ended connections: `sent` was read from local sockets, `received` is for them."""

    __slots__ = (
        "dial_failures",
        "ended",
        "handshakes",
        "key_last_used",
        "linkless_seconds",
        "links",
        "moments",
        "opened",
        "received",
        "resumptions",
        "sent",
        "sessions",
        "sessions_lost",
    )

    def __init__(self) -> None:
        self.opened = 0
        self.ended: Counter[str] = Counter()  # by outcome
        self.sent = 0
        self.received = 0
        self.links = LinkTally()
        self.handshakes: Counter[HandshakeResult] = Counter()
        self.dial_failures: Counter[str] = Counter()  # by reason
        self.sessions = 0
        self.sessions_lost = 0
        self.resumptions = 0
        self.linkless_seconds = 0.0  # of links that were replaced since
        self.key_last_used: dict[str, float] = {}  # Unix seconds, by name
        self.moments: deque[Moment] = deque(maxlen=MOMENTS_KEPT)

    def connection_ended(self, outcome: str, sent: int, received: int) -> None:
        """A connection is over, after so many bytes."""
        self.ended[outcome] += 1
        self.sent += sent
        self.received += received

    def link_up(self, peer: str, unix_time: float, linkless: float, *, resumed: bool) -> None:
        """A session runs on a new link, `linkless` seconds after the last one went."""
        self.handshakes[HandshakeResult.OK] += 1
        self.linkless_seconds += linkless
        if resumed:
            self.resumptions += 1
        else:
            self.sessions += 1
        kind = MomentKind.RESUMED if resumed else MomentKind.UP
        self.moments.append(Moment(unix_time, kind, peer, linkless))

    def link_lost(self, peer: str, unix_time: float) -> None:
        """A session's link broke; it waits for another."""
        self.moments.append(Moment(unix_time, MomentKind.LOST, peer))

    def session_ended(self, peer: str, unix_time: float, linkless: float, *, lost: bool) -> None:
        """A session is over, `linkless` seconds after its link went; `lost` when nobody wanted that."""
        self.linkless_seconds += linkless
        if lost:
            self.sessions_lost += 1
            self.moments.append(Moment(unix_time, MomentKind.SESSION_LOST, peer, linkless))
