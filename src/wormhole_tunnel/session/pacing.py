"""When records leave under constant framing: on ticks, whatever there is to say."""

from __future__ import annotations


class Ticker:
    """Ticks every `interval` seconds. A missed tick is not made up for: that would show that we were busy."""

    __slots__ = ("_interval", "next_tick")

    def __init__(self, interval: float, now: float) -> None:
        self._interval = interval
        self.next_tick = now + interval

    def take(self, now: float) -> bool:
        """Whether a record is due; takes the tick."""
        if now < self.next_tick:
            return False
        missed = (now - self.next_tick) // self._interval
        self.next_tick += (missed + 1) * self._interval
        return True
