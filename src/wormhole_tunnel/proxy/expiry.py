"""How long a session waits for its next link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wormhole_tunnel.net import clock
from wormhole_tunnel.session.session import Session


class Expiry:
    """Calls `expired` when a session has been without a link for as long as its two ends agreed on."""

    __slots__ = ("_expired", "_loop", "_timer")

    def __init__(self, expired: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None

    def start(self, session: Session) -> None:
        """The session has lost its link. Nothing happens while it has one, or is over."""
        self.cancel()
        expires_at = session.expires_at()
        if expires_at is not None:
            self._timer = self._loop.call_later(max(0.0, expires_at - clock.now()), self._expired)

    def cancel(self) -> None:
        """There is a link again, or the session is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
