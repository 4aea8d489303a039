"""The clean end of a session: CLOSE, behind all else, and its acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wormhole_tunnel.limits import CLOSE_TIMEOUT
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import ResetCode


class Farewell:
    """Says CLOSE and waits for its acknowledgement: as long as the peer acknowledges anything, else `CLOSE_TIMEOUT`.

    `given_up` is called when that has passed. Whoever sees the end come otherwise cancels.
    """

    __slots__ = ("_acknowledged", "_given_up", "_loop", "_session", "_timer")

    def __init__(self, session: Session, pump: Pump, code: ResetCode, given_up: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._given_up = given_up
        session.close(code)
        pump.wake()
        self._wait()

    def _wait(self) -> None:
        self._acknowledged = self._session.outbound.retention.acknowledged
        self._timer = self._loop.call_later(CLOSE_TIMEOUT, self._look)

    def _look(self) -> None:
        if self._session.outbound.retention.acknowledged > self._acknowledged:
            self._wait()
        else:
            self._given_up()

    def cancel(self) -> None:
        """The end has come."""
        self._timer.cancel()
