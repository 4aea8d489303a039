"""Which first messages were seen before, and which come from a clock too far off (docs/protocol.md, Probes).

A replayed message could draw an answer, never more: what follows it needs the secrets of the ephemeral keys. The cache
spares even that answer. It forgets at a restart, and the oldest tags when it is full.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum, auto

from wormhole_tunnel.limits import MAX_SKEW, REPLAY_CACHE_TAGS


class Verdict(Enum):
    """What the cache says of a first message."""

    OK = auto()
    REPLAY = auto()
    SKEWED = auto()


class ReplayCache:
    """The hint tags of verified first messages, 16 bytes each, at most 65,536.

    `max_skew` in seconds is how far the two clocks may differ; 0 checks no clock, and tags then leave only for new ones.
    """

    __slots__ = ("_capacity", "_lifetime", "_max_skew_ms", "_seen")

    def __init__(self, max_skew: float = MAX_SKEW, capacity: int = REPLAY_CACHE_TAGS) -> None:
        self._max_skew_ms = max_skew * 1000
        # A client whose clock is ahead by all that is allowed sends a time that stays good for twice as long.
        self._lifetime = 2 * max_skew
        self._capacity = capacity
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def check_and_add(self, tag: bytes, their_unix_ms: int, our_unix_ms: int, now: float) -> Verdict:
        """Judge a first message, and remember its tag. `now` is monotonic seconds, so that no change of date revives it."""
        self._forget(now)
        if tag in self._seen:
            return Verdict.REPLAY
        self._seen[tag] = now
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        if self._max_skew_ms and abs(their_unix_ms - our_unix_ms) > self._max_skew_ms:
            return Verdict.SKEWED
        return Verdict.OK

    def _forget(self, now: float) -> None:
        if not self._lifetime:
            return
        while self._seen and next(iter(self._seen.values())) < now - self._lifetime:
            self._seen.popitem(last=False)
