"""Moves data from local sockets into a session's records: who reads next, and when a record leaves.

Data stays in the sockets until the link can take it. While the link is free, a socket that becomes readable is read at
once. While it is busy, the socket waits its turn in a queue, and is not watched; when the link is free again the queue is
served round robin, newcomers first: a stream that was quiet goes ahead of those that have been at it for a while.

A record leaves at once when a single stream is active, and at the end of the loop's turn when several are: the first gives
a lone client its latency, the second gives many clients one encryption and one system call between them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from wormhole_tunnel.limits import MAX_RECORD_WIRE

if TYPE_CHECKING:
    from wormhole_tunnel.net.link import LinkDriver
    from wormhole_tunnel.net.pipe import Pipe
    from wormhole_tunnel.session.session import Session

_SHARED_READ: Final = 64 * 1024  # bytes a stream may put into a record at a time while others wait
_LONE_READ: Final = MAX_RECORD_WIRE
_INTERACTIVE_FOR: Final = 0.2  # seconds after a small read


class Pump:
    """One session's. `driver` is the link it runs on, None while there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, session: Session) -> None:
        self.session = session
        self.driver: LinkDriver | None = None
        self._loop = loop
        self._newcomers: deque[Pipe] = deque()
        self._waiting: deque[Pipe] = deque()
        self._turn_scheduled = False
        self._interactive_until = 0.0
        self._active_in_turn = 0
        self._active_before = 0

    def attach(self, driver: LinkDriver) -> None:
        """The session is up on this link."""
        self.driver = driver
        driver.refill = self.run

    def detach(self) -> None:
        """The link is gone: nothing is read from local sockets until the next one."""
        if self.driver is not None:
            self.driver.refill = None
        self.driver = None

    @property
    def can_read(self) -> bool:
        """Whether a socket may be read right now."""
        driver = self.driver
        return driver is not None and not driver.busy

    def bulk_waits(self, driver: LinkDriver) -> bool:
        """Whether bulk data stays in its socket for the moment, because somebody waits for an answer behind it."""
        return driver.link.now < self._interactive_until and driver.link.bulk_may_wait

    def read_little(self) -> None:
        """A stream has sent what looks like a question: bulk data leaves it some room for a while."""
        if self.driver is not None:
            self._interactive_until = self.driver.link.now + _INTERACTIVE_FOR

    @property
    def share(self) -> int:
        """How many bytes a stream may read into the record now."""
        driver = self.driver
        if self._waiting or self._newcomers or (driver is not None and driver.link.now < self._interactive_until):
            return _SHARED_READ
        return _LONE_READ

    def enqueue(self, pipe: Pipe, newcomer: bool) -> None:
        """The pipe has data and has to wait for its turn."""
        (self._newcomers if newcomer else self._waiting).append(pipe)
        if self.can_read:
            self._schedule_turn()

    def dequeue(self, pipe: Pipe) -> None:
        """The pipe is carried elsewhere from now on."""
        for queue in (self._newcomers, self._waiting):
            while pipe in queue:
                queue.remove(pipe)

    def committed(self) -> None:
        """A socket that became readable has put something into the record: send it now, or at the end of this turn."""
        self._active_in_turn += 1
        if self._active_in_turn == 1 and self._active_before <= 1 and self.driver is not None:
            self.driver.flush()
        self._schedule_turn()

    def wake(self) -> None:
        """There are control frames to send at the end of this turn."""
        self._schedule_turn()

    def _schedule_turn(self) -> None:
        if not self._turn_scheduled:
            self._turn_scheduled = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn_scheduled = False
        self._active_before = self._active_in_turn
        self._active_in_turn = 0
        if self._newcomers or self._waiting or self.session.outbound.pending:
            self.run()

    def run(self) -> None:
        """Serve the queues until they are empty or the link is busy."""
        driver = self.driver
        while driver is not None and not driver.busy and not driver.closed:
            filled = self._fill_record(driver)
            driver.flush()
            if not filled:
                return
            driver = self.driver

    def _fill_record(self, driver: LinkDriver) -> bool:
        """Read waiting sockets into the record until it is full; tells whether any was."""
        filled = False
        while self._newcomers or (self._waiting and not self.bulk_waits(driver)):
            pipe = self._newcomers.popleft() if self._newcomers else self._waiting.popleft()
            outcome = pipe.take_turn(self.share)
            if outcome is None:
                self._waiting.appendleft(pipe)
                return filled
            filled = True
            if outcome:
                self._waiting.append(pipe)
            if driver.link.now < self._interactive_until and self.session.outbound.composed_bytes >= _SHARED_READ:
                return filled
        return filled
