"""A path between the two proxies: a forwarder with a rate and a delay, for loopback has neither.

    python -m benchmarks.path LISTEN_PORT CONNECT_PORT BITS_PER_SECOND ROUND_TRIP_SECONDS

Each direction is a queue as a router has one: bytes leave it at the path's rate, shared by all connections, and arrive
half a round trip later. TCP ends at the forwarder, so what is measured is the tunnel's own windows, not the kernel's
congestion control.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from collections import deque

from benchmarks.processes import LOOPBACK

READ_SIZE = 128 * 1024
# A crumb for each crumb of room would cost a system call each.
SMALLEST_READ = 16 * 1024
# What the kernel may hold before the forwarder: a router's queue of 4 ms at 1 Gb/s.
SOCKET_BUFFER = 512 * 1024
# How far the queue may lag behind the clock and still catch up: a process that waits for a processor isn't a slow path.
CATCH_UP = 0.020
# How far ahead of the clock bytes are taken in: a little more than the timer's step.
AHEAD = 0.003
SHORTEST_WAIT = 0.001


class Rate:
    """When the next byte may leave, in one direction; shared by its connections."""

    __slots__ = ("_bytes_per_second", "_free_at")

    def __init__(self, bytes_per_second: float) -> None:
        self._bytes_per_second = bytes_per_second
        self._free_at = 0.0

    def room(self, now: float) -> int:
        """Return how many bytes may be taken in at `now`."""
        start = max(self._free_at, now - CATCH_UP)
        return max(0, int((now + AHEAD - start) * self._bytes_per_second))

    def departure(self, now: float, size: int) -> float:
        """Take `size` bytes in and return when the last of them leaves."""
        self._free_at = max(self._free_at, now - CATCH_UP) + size / self._bytes_per_second
        return max(self._free_at, now)


class DelayLine:
    """The bytes of one direction of one connection that are on their way; an empty chunk is the end of the stream."""

    __slots__ = ("_chunks", "_delay", "_held", "_limit", "_rate")

    def __init__(self, rate: Rate, delay: float, limit: int) -> None:
        self._rate = rate
        self._delay = delay
        self._limit = limit
        self._held = 0
        self._chunks: deque[tuple[float, memoryview]] = deque()

    def room(self, now: float) -> int:
        """Return how many bytes may be pushed at `now`: none while the receiver is far behind."""
        return self._rate.room(now) if self._held < self._limit else 0

    def push(self, data: bytes, now: float) -> None:
        """Send `data` on its way."""
        self._chunks.append((self._rate.departure(now, len(data)) + self._delay, memoryview(data)))
        self._held += len(data)

    def next_time(self) -> float | None:
        """Return when the next chunk arrives, or None if nothing is on its way."""
        return self._chunks[0][0] if self._chunks else None

    def arrived(self, now: float) -> memoryview | None:
        """Return the chunk at the head if it has arrived."""
        return self._chunks[0][1] if self._chunks and self._chunks[0][0] <= now else None

    def consume(self, size: int) -> None:
        """Take `size` bytes off the chunk at the head; all of them take the chunk off."""
        due, chunk = self._chunks.popleft()
        self._held -= size
        if size < len(chunk):
            self._chunks.appendleft((due, chunk[size:]))


class Direction:
    """One direction of one connection: from `source` over the line to `target`."""

    __slots__ = ("ended", "line", "reading", "source", "target", "writing")

    def __init__(self, source: socket.socket, target: socket.socket, line: DelayLine) -> None:
        self.source = source
        self.target = target
        self.line = line
        self.reading = True
        self.writing = True
        self.ended = False

    def read(self, now: float) -> None:
        """Take in what the source has and the path has room for."""
        while self.reading and not self.ended:
            size = min(READ_SIZE, self.line.room(now))
            if size < SMALLEST_READ:
                return
            try:
                data = self.source.recv(size)
            except BlockingIOError:
                self.reading = False
                return
            self.line.push(data, now)
            self.ended = not data

    def write(self, now: float) -> None:
        """Deliver what has arrived."""
        while self.writing and (chunk := self.line.arrived(now)) is not None:
            if not chunk:
                self.target.shutdown(socket.SHUT_WR)
                self.line.consume(0)
                return
            try:
                sent = self.target.send(chunk)
            except BlockingIOError:
                self.writing = False
                return
            self.line.consume(sent)

    def wake_at(self, now: float) -> float | None:
        """Return when there is something to do without an event: a chunk arrives, or a readable source finds room."""
        due = self.line.next_time() if self.writing else None
        if self.reading and not self.ended and (due is None or due > now + SHORTEST_WAIT):
            return now + SHORTEST_WAIT
        return due


class Forwarder:
    """The path: accepts connections and carries each to the other side. Edge-triggered, one process, one thread."""

    def __init__(self, listen: int, connect: int, rate: float, round_trip: float) -> None:
        self._connect = connect
        self._delay = round_trip / 2
        self._limit = int(rate / 8 * round_trip) + SOCKET_BUFFER
        self._up, self._down = Rate(rate / 8), Rate(rate / 8)
        self._epoll = select.epoll()
        self._directions: dict[int, tuple[Direction, Direction]] = {}
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        self._listener.bind((LOOPBACK, listen))
        self._listener.listen(1024)
        self._epoll.register(self._listener, select.EPOLLIN)

    def run(self) -> None:
        """Carry for ever."""
        while True:
            events = self._epoll.poll(self._timeout(time.monotonic()))
            now = time.monotonic()
            for descriptor, event in events:
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._mark(descriptor, event)
            for pair in set(self._directions.values()):
                self._move(pair, now)

    def _timeout(self, now: float) -> float | None:
        times = [due for pair in self._directions.values() for one in pair if (due := one.wake_at(now)) is not None]
        return max(0.0, min(times) - now) if times else None

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        try:
            far.connect((LOOPBACK, self._connect))
        except OSError:
            near.close()
            return
        for one in (near, far):
            one.settimeout(0)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._epoll.register(one, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        lines = [DelayLine(rate, self._delay, self._limit) for rate in (self._up, self._down)]
        pair = (Direction(near, far, lines[0]), Direction(far, near, lines[1]))
        self._directions[near.fileno()] = self._directions[far.fileno()] = pair

    def _mark(self, descriptor: int, event: int) -> None:
        for direction in self._directions.get(descriptor, ()):
            if direction.source.fileno() == descriptor and event & ~select.EPOLLOUT:
                direction.reading = True
            if direction.target.fileno() == descriptor and event & ~select.EPOLLIN:
                direction.writing = True

    def _move(self, pair: tuple[Direction, Direction], now: float) -> None:
        try:
            for direction in pair:
                direction.read(now)
                direction.write(now)
        except OSError:
            self._close(pair)
            return
        if all(one.ended and one.line.next_time() is None for one in pair):
            self._close(pair)

    def _close(self, pair: tuple[Direction, Direction]) -> None:
        for one in (pair[0].source, pair[0].target):
            del self._directions[one.fileno()]
            one.close()


def main() -> None:
    listen, connect, rate, round_trip = sys.argv[1:5]
    with contextlib.suppress(KeyboardInterrupt):
        Forwarder(int(listen), int(connect), float(rate), float(round_trip)).run()


if __name__ == "__main__":
    main()
