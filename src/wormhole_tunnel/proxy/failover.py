"""Which of several destinations is next. Decisions only: no socket, no clock.

Two kinds of destination are chosen here: server proxies by a client proxy, and servers by a server proxy. Both avoid one
that has just failed, come back to it after growing pauses, and prefer any choice to none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from wormhole_tunnel.config.options import Preference
from wormhole_tunnel.proxy.backoff import Backoff, Uniform


class Health:
    """Whether a destination is to be avoided. `now` is in seconds."""

    __slots__ = ("_backoff", "_generator", "retry_at")

    def __init__(self, generator: Uniform) -> None:
        self._generator = generator
        self._backoff = Backoff(generator)
        self.retry_at = 0.0

    def failed(self, now: float) -> float:
        """It failed: avoid it for a while. Returns for how many seconds.

        More failures in that while are of attempts that began before, and tell nothing new.
        """
        if self.avoided(now):
            return self.retry_at - now
        pause = self._backoff.pause()
        self.retry_at = now + pause
        return pause

    def succeeded(self) -> bool:
        """It works; tells whether it was out of favour until now."""
        if not self.retry_at:
            return False
        self.retry_at = 0.0
        self._backoff = Backoff(self._generator)
        return True

    def avoided(self, now: float) -> bool:
        """Whether others go first."""
        return now < self.retry_at


class Destination(Protocol):
    """What a choice needs to know."""

    @property
    def load(self) -> int:
        """How many connections it carries."""

    def avoided(self, now: float) -> bool:
        """Whether others go first."""


_Chosen = TypeVar("_Chosen", bound=Destination)
_Address = TypeVar("_Address", bound=Hashable)


def ranked(candidates: Iterable[_Chosen], preference: Preference, now: float) -> list[_Chosen]:
    """All of them, the best first. Those to be avoided come last; of equals the one named first is taken."""

    def rank(candidate: _Chosen) -> tuple[bool, int]:
        load = candidate.load if preference is Preference.LEAST_LOAD else 0
        return candidate.avoided(now), load

    return sorted(candidates, key=rank)


class Round:
    """One round through the addresses of a name.

    An address counts as tried once a handshake there was in vain. The round is over when none is left, and then the next
    begins: only then is it said that the whole name was tried.
    """

    __slots__ = ("_known", "_tried")

    def __init__(self) -> None:
        self._known: tuple[Hashable, ...] = ()
        self._tried: set[Hashable] = set()

    @property
    def addresses(self) -> int:
        """How many addresses the name had when it was last looked up."""
        return len(self._known)

    def order(self, addresses: Sequence[_Address], home: Hashable) -> list[_Address]:
        """Those to dial, never none: what is untried in this round, `home` before all others."""
        self._known = tuple(addresses)
        untried = [address for address in addresses if address not in self._tried] or list(addresses)
        return sorted(untried, key=lambda address: address != home)

    def tried(self, address: Hashable) -> bool:
        """It was in vain there; tells whether that leaves an address in this round."""
        self._tried.add(address)
        return any(known not in self._tried for known in self._known)

    def begin(self) -> None:
        """A new round."""
        self._tried.clear()
