"""How large records get on a slow path, and when they leave under constant framing."""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.limits import INTERACTIVE_IN_FLIGHT, MAX_RECORD_WIRE, MIN_PACED_RECORD, PACED_RECORD_TIME

_SMOOTHING: Final = 0.25  # weight of a new sample of the rate
_RATE_DECAY: Final = 0.98  # for each acknowledgement that shows less
_IN_FLIGHT_GAIN: Final = 1.25  # above 1, so that a limit too low finds out


class Ticker:
    """Ticks every `interval` seconds. A missed tick is not made up for: that would show that we were busy."""

    __slots__ = ("_interval", "next_tick")

    def __init__(self, interval: float, now: float) -> None:
        self._interval = interval
        self.next_tick = now + interval

    def take(self, now: float) -> bool:
        """Whether a tick has come; takes it, and those that were missed before."""
        if now < self.next_tick:
            return False
        missed = (now - self.next_tick) // self._interval
        self.next_tick += (missed + 1) * self._interval
        return True


class RecordPacer:
    """Keeps a record's time on the path near `PACED_RECORD_TIME`, so that a keystroke never waits long behind one.

    Only a path that was seen to be full tells its rate; as long as the socket takes whatever it is given, records grow.
    """

    __slots__ = ("_full", "_rate", "size")

    def __init__(self) -> None:
        self.size = MAX_RECORD_WIRE  # bytes
        self._rate = 0.0  # bytes a second
        self._full = False

    def path_full(self) -> None:
        """The socket did not take a whole record."""
        self._full = True

    def delivered(self, length: int, seconds: float) -> int:
        """The peer acknowledged `length` bytes in this time; returns the size for the next records."""
        if not self._full or seconds <= 0:
            self.size = min(2 * self.size, MAX_RECORD_WIRE)
            return self.size
        self._full = False
        sample = length / seconds
        self._rate += (sample - self._rate) * (_SMOOTHING if self._rate else 1.0)
        self.size = round(min(max(self._rate * PACED_RECORD_TIME, MIN_PACED_RECORD), MAX_RECORD_WIRE))
        return self.size


class InFlightLimit:
    """How many bytes of a bulk transfer may be under way while somebody else waits for an answer.

    As many as the path holds, and a little: what is beyond that only stands in a queue, with every keystroke behind it. The
    path holds its rate times its shortest round trip; the rate is the largest seen of late (as BBR estimates it, Cardwell
    and others, ACM Queue 14/5).
    """

    __slots__ = ("_rate",)

    def __init__(self) -> None:
        self._rate = 0.0  # bytes a second

    def delivered(self, length: int, seconds: float) -> None:
        """The peer acknowledged `length` bytes that were under way for this time."""
        if seconds > 0:
            self._rate = max(length / seconds, _RATE_DECAY * self._rate)

    def limit(self, shortest_round_trip: float) -> int:
        """In bytes."""
        return max(INTERACTIVE_IN_FLIGHT, round(_IN_FLIGHT_GAIN * self._rate * shortest_round_trip))
