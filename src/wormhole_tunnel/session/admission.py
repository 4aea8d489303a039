"""Who may stay and who may go on, before and after a link has shown a valid tag (docs/protocol.md, Probes).

Decisions only: the caller closes what a pool evicts, and leaves a refused handshake unanswered. Each structure is
bounded, whatever arrives.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from wormhole_tunnel.limits import (
    HANDSHAKE_BURST,
    HANDSHAKE_BURST_PER_KEY,
    HANDSHAKE_RATE,
    HANDSHAKE_RATE_PER_KEY,
    HANDSHAKE_RESERVE,
    MAX_KEYS,
    PROBE_LINKS,
    PROBE_LINKS_PER_SOURCE,
    TAGGED_LINKS,
)

if TYPE_CHECKING:
    from collections.abc import Hashable
    from random import Random

LinkT = TypeVar("LinkT", bound="Hashable")


class LinkPool(Generic[LinkT]):
    """At most `capacity` links, and `per_source` of one source; one that comes when it is full evicts a random other.

    At random, so that a flood can choose neither to displace the newest nor to outwait the oldest.
    """

    __slots__ = ("_capacity", "_per_source", "_random", "_sources")

    def __init__(self, random: Random, capacity: int, per_source: int) -> None:
        self._random = random
        self._capacity = capacity
        self._per_source = per_source
        self._sources: dict[LinkT, bytes] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, link: LinkT, source: bytes = b"") -> LinkT | None:
        """Let a link in. Returns the one that was evicted for it, if any, for the caller to close."""
        evicted = self._victim(source)
        if evicted is not None:
            self.remove(evicted)
        self._sources[link] = source
        return evicted

    def remove(self, link: LinkT) -> None:
        """Forget a link that ended or moved on; one that was evicted meanwhile is no error."""
        self._sources.pop(link, None)

    def _victim(self, source: bytes) -> LinkT | None:
        rivals = [link for link, other in self._sources.items() if other == source]
        if len(rivals) >= self._per_source:
            return self._random.choice(rivals)
        if len(self._sources) >= self._capacity:
            return self._random.choice(list(self._sources))
        return None


class ProbePool(LinkPool[LinkT]):
    """Links that have shown no valid tag: 256, and 16 of one IPv4 address or IPv6 /64, whose bytes are the source."""

    __slots__ = ()

    def __init__(self, random: Random) -> None:
        super().__init__(random, PROBE_LINKS, PROBE_LINKS_PER_SOURCE)


class TaggedPool(LinkPool[LinkT]):
    """Links that have shown a valid tag, and no verified record yet: 1,024. Who holds no key can't displace them."""

    __slots__ = ()

    def __init__(self, random: Random) -> None:
        super().__init__(random, TAGGED_LINKS, TAGGED_LINKS)


class TokenBucket:
    """Holds up to `burst` tokens, full at first, and gains `rate` a second."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated = 0.0

    def available(self, now: float) -> float:
        """The tokens it holds by now."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._updated) * self._rate)
        self._updated = now
        return self._tokens

    def take(self) -> None:
        """Use one token, which `available` has shown to be there."""
        self._tokens -= 1


class HandshakeLimiter:
    """How many handshakes with a valid tag are answered: 100 a second in all, 50 of one key, with bursts.

    The last tokens of all are kept for links that resume a session: after a cut they come at once, and new ones can wait.
    """

    __slots__ = ("_all", "_by_key")

    def __init__(self) -> None:
        self._all = TokenBucket(HANDSHAKE_RATE, HANDSHAKE_BURST)
        self._by_key: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def allow(self, key_name: str, now: float, *, resume: bool) -> bool:
        """Whether to answer a handshake with this key; one that is refused uses up nothing. `now` in monotonic seconds."""
        of_key = self._bucket(key_name)
        reserve = 0 if resume else HANDSHAKE_RESERVE
        if self._all.available(now) < reserve + 1 or of_key.available(now) < 1:
            return False
        self._all.take()
        of_key.take()
        return True

    def _bucket(self, key_name: str) -> TokenBucket:
        bucket = self._by_key.pop(key_name, None) or TokenBucket(HANDSHAKE_RATE_PER_KEY, HANDSHAKE_BURST_PER_KEY)
        self._by_key[key_name] = bucket
        if len(self._by_key) > MAX_KEYS:  # names of rings long replaced: the one idle for longest
            self._by_key.popitem(last=False)
        return bucket
