"""Is the other end still there, and how far away is it?

Any received byte is life. A silent link is pinged; one that stays silent is dead. Data that is not acknowledged while not
a byte is heard makes the link suspect long before, so that the shell can dial a spare meanwhile.
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel import limits
from wormhole_tunnel.wire.frames import pack_ping, pack_pong

_MEASURE_EVERY: Final = 1.0  # seconds between pings that ride along with data, for the round trip
_PATIENCE_DOUBLES: Final = 4  # times at the most; DEAD_AFTER ends what takes longer
_SMOOTHING: Final = 0.125  # RFC 6298's alpha


class Liveness:
    """Pings, pongs, round trip (seconds) and deadlines of one link."""

    __slots__ = (
        "_confirm_by",
        "_measure_at",
        "_next_token",
        "_patience",
        "_ping_sent_at",
        "_ping_token",
        "_pong_owed",
        "drained_at",
        "heard_at",
        "round_trip",
        "shortest_round_trip",
    )

    def __init__(self, now: float) -> None:
        self.heard_at = now
        self.drained_at = now  # when a full socket last took more, so that the peer's kernel has answered
        self.round_trip = 0.0
        self.shortest_round_trip = 0.0
        self._patience = limits.DEAD_AFTER  # seconds of silence
        self._confirm_by: float | None = now + limits.HANDSHAKE_TIMEOUT
        self._next_token = 0
        self._ping_token: int | None = None  # the ping whose pong is awaited
        self._ping_sent_at: float | None = None
        self._measure_at = 0.0  # no ping rides along before
        self._pong_owed: int | None = None

    def answered(self) -> None:
        """The server's handshake message came: from here on its first record may take long, but not without a byte."""
        self._confirm_by = None
        self._patience = limits.HANDSHAKE_TIMEOUT

    def confirmed(self) -> None:
        """The peer has shown that it holds the key: the handshake's deadline is over."""
        self._confirm_by = None
        self._patience = limits.DEAD_AFTER

    def owe_pong(self, token: int) -> None:
        """A ping came; only the latest is answered, so that a flood of them costs nothing."""
        self._pong_owed = token

    def receive_pong(self, token: int, now: float) -> bool:
        """Take a round trip from the pong of our latest ping; tells whether it was that."""
        if token != self._ping_token or self._ping_sent_at is None:
            return False
        sample = now - self._ping_sent_at
        self.shortest_round_trip = min(sample, self.shortest_round_trip or sample)
        self._ping_token = None
        self.round_trip += (sample - self.round_trip) * (_SMOOTHING if self.round_trip else 1.0)
        return True

    def owes(self, now: float) -> bool:
        """Whether a pong or a ping has to leave even if there is nothing to take it along."""
        return self._pong_owed is not None or (now >= self.heard_at + limits.PING_AFTER and self._ping_due(now))

    def _ping_due(self, now: float) -> bool:
        return self._confirm_by is None and now >= self._ping_at()

    def _ping_at(self) -> float:
        """Silence since the last byte or the last ping, whichever is later."""
        if self._ping_sent_at is None:
            return self.heard_at + limits.PING_AFTER
        return max(self.heard_at, self._ping_sent_at) + limits.PING_AFTER

    def take_frames(self, now: float) -> bytes:
        """The PONG that is owed, and a PING when one is due or the round trip wants measuring."""
        if self._pong_owed is None and now < self._measure_at:
            return b""
        pong = b""
        if self._pong_owed is not None:
            pong = pack_pong(self._pong_owed)
            self._pong_owed = None
        return pong + self._take_ping(now)

    def _take_ping(self, now: float) -> bytes:
        if self._confirm_by is not None:
            return b""
        if now < self._measure_at:
            return b""
        if self._ping_token is not None and not self._ping_due(now):
            return b""
        self._next_token += 1
        self._ping_token = self._next_token
        self._ping_sent_at = now
        self._measure_at = now + _MEASURE_EVERY
        return pack_ping(self._next_token)

    # --- suspicion and death --------------------------------------------------------------------------------------------

    def suspect_at(self, unacknowledged_since: float, fruitless_links: int = 0) -> float:
        """When to dial a spare link, with data unacknowledged since then and no byte heard meanwhile.

        Where even one record takes longer than that, each new link would be given up before its first is through. So
        patience doubles with each link, of which this is one, that nothing has come of.
        """
        patience = max(limits.SPARE_AFTER, limits.SPARE_ROUND_TRIPS * self.round_trip)
        patience *= 1 << min(max(fruitless_links - 1, 0), _PATIENCE_DOUBLES)
        return max(unacknowledged_since, self.heard_at, self.drained_at) + patience

    def dead(self, now: float) -> bool:
        """Whether the silence has lasted too long."""
        return now >= self._dead_at()

    def _dead_at(self) -> float:
        silent = self.heard_at + self._patience
        return silent if self._confirm_by is None else min(silent, self._confirm_by)

    def reason(self, now: float) -> str:
        """What the silence was, for the log."""
        if self._confirm_by is not None:
            return f"no answer to the handshake within {limits.HANDSHAKE_TIMEOUT:.0f} s"
        return f"not a byte from the peer for {now - self.heard_at:.0f} s"

    def deadline(self) -> float:
        """When something here has to be looked at."""
        if self._confirm_by is not None:
            return self._dead_at()
        return min(self._ping_at(), self._dead_at())
