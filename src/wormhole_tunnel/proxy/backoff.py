"""When to dial again: at once, then with doubling pauses, spread so that many clients don't come at the same moment."""

from __future__ import annotations

from typing import Protocol

from wormhole_tunnel.limits import REDIAL_FIRST, REDIAL_JITTER, REDIAL_MAX


class Uniform(Protocol):
    """The part of `random.Random` that is used here."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between `a` and `b`."""


class Backoff:
    """Pauses in seconds. The first attempt is made without asking."""

    __slots__ = ("_generator", "_next")

    def __init__(self, generator: Uniform) -> None:
        self._generator = generator
        self._next = REDIAL_FIRST

    def pause(self) -> float:
        """How long to wait before the next attempt."""
        pause = self._next
        self._next = min(max(2 * pause, REDIAL_FIRST), REDIAL_MAX)
        return pause * self._generator.uniform(1 - REDIAL_JITTER, 1 + REDIAL_JITTER)

    def restart(self) -> None:
        """A good link was lost: the next attempt follows at once, and the pauses begin anew."""
        self._next = 0.0
