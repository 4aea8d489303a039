"""Rate limiting of repeated log records: the first few of a kind pass, then one line says how many more there were.

Pure: the time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BURST: Final = 5  # records of one kind
WINDOW: Final = 10.0  # seconds
MAX_KINDS: Final = 1000  # kinds remembered at once; beyond, records pass unlimited

Kind = tuple[str, str]  # a logger's name, and the event or the message without its arguments


@dataclass(slots=True)
class _Count:
    until: float
    passed: int = 0
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How many records of one kind were not written in the window that has ended."""

    kind: Kind
    count: int


class RepeatLimiter:
    """Passes at most BURST records of a kind in each WINDOW; a window begins with the first record."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[Kind, _Count] = {}

    def passes(self, kind: Kind, now: float) -> bool:
        """Whether to write a record of that kind; if not, it is counted. Call `ended` first."""
        count = self._counts.get(kind)
        if count is None:
            if len(self._counts) >= MAX_KINDS:
                return True
            count = self._counts[kind] = _Count(now + WINDOW)
        if count.passed < BURST:
            count.passed += 1
            return True
        count.held_back += 1
        return False

    def ended(self, now: float) -> list[HeldBack]:
        """Forget the windows that have ended; what was held back in them is returned once."""
        over = [kind for kind, count in self._counts.items() if count.until <= now]
        counts = [HeldBack(kind, self._counts.pop(kind).held_back) for kind in over]
        return [each for each in counts if each.count]

    def rest(self) -> list[HeldBack]:
        """End every window."""
        return self.ended(float("inf"))

    def next_deadline(self) -> float | None:
        """When `ended` will have something to say; None if nothing is held back."""
        return min((count.until for count in self._counts.values() if count.held_back), default=None)
