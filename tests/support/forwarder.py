"""A path between two proxies that the tests own: it cuts, swallows and slows what passes."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from tests.support.servers import CHUNK, Server, connect, reset

_LARGE = 4 * CHUNK


@dataclass(eq=False)
class _Road:
    """One connection through the forwarder."""

    near: socket.socket
    far: socket.socket
    passable: Event = field(default_factory=Event)
    swallows: bool = False


class Forwarder(Server):
    """Forwards connections to `target`, a port of 127.0.0.1.

    `cut_every` bytes, counted over both directions, every connection is cut, by a reset and by a clean end in turn, until
    that has happened `most_cuts` times. `rate` is bytes a second for each direction. Counts `cuts` and bytes `moved`. Of
    each new connection `most_to_target` bytes pass towards the target, and the rest is swallowed.
    """

    def __init__(
        self, target: int, *, cut_every: int | None = None, most_cuts: int = 0, rate: float | None = None
    ) -> None:
        super().__init__(self._forward)
        self.rate = rate
        self.moved = 0
        self.cuts = 0
        self.connections = 0
        self.most_to_target: int | None = None
        self._target = target
        self._cut_every = cut_every
        self._most_cuts = most_cuts
        self._next_cut = cut_every
        self._lock = Lock()
        self._roads: list[_Road] = []
        self._blocked = False

    def cut(self, *, clean: bool = False) -> None:
        """End every connection, whatever is under way. New ones go through."""
        with self._lock:
            self._cut(clean)

    def _cut(self, clean: bool) -> None:
        self.cuts += 1
        for road in self._roads:
            for sock in (road.near, road.far):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RD)  # wakes the thread that reads
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR) if clean else reset(sock)
            road.passable.set()
        self._roads.clear()

    def blackhole(self, *, only_present: bool = False) -> None:
        """Nothing passes from now on, and nobody is told; or nothing on the present connections."""
        with self._lock:
            self._blocked = not only_present
            for road in self._roads:
                road.passable.clear()

    def swallow(self) -> None:
        """Take all that comes on the present connections, and pass nothing on."""
        with self._lock:
            for road in self._roads:
                road.swallows = True

    def heal(self) -> None:
        """What was held back passes, and everything after it."""
        with self._lock:
            self._blocked = False
            for road in self._roads:
                road.passable.set()

    def _forward(self, near: socket.socket) -> None:
        self.connections += 1
        with connect(self._target) as far:
            near.settimeout(None)
            far.settimeout(None)
            road = _Road(near, far)
            with self._lock:
                self._roads.append(road)
                if not self._blocked:
                    road.passable.set()
            back = Thread(target=self._copy, args=(road, far, near), daemon=True)
            back.start()
            self._copy(road, near, far, self.most_to_target)
            back.join()

    def _copy(self, road: _Road, source: socket.socket, sink: socket.socket, most: int | None = None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_LARGE if self.rate is None else CHUNK // 16):
                road.passable.wait()
                if road.swallows:
                    continue
                if most is not None:
                    data, most = data[:most], max(0, most - len(data))
                if self.rate is not None:
                    Event().wait(len(data) / self.rate)
                sink.sendall(data)
                self._count(len(data))
            road.passable.wait()
            sink.shutdown(socket.SHUT_WR)

    def _count(self, size: int) -> None:
        with self._lock:
            self.moved += size
            if self._next_cut is not None and self._cut_every is not None and self.moved >= self._next_cut:
                if self.cuts < self._most_cuts:
                    self._cut(clean=self.cuts % 2 == 1)
                self._next_cut += self._cut_every
