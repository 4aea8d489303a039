"""A path between two proxies that the tests can cut."""

from __future__ import annotations

import contextlib
import socket
from threading import Lock, Thread

from tests.support.servers import CHUNK, Server, connect, reset


class Relay(Server):
    """Forwards connections to `target`, a port of 127.0.0.1, until they are cut."""

    def __init__(self, target: int) -> None:
        super().__init__(self._forward)
        self._target = target
        self._lock = Lock()
        self._open: list[socket.socket] = []

    def cut(self) -> None:
        """Reset every connection, whatever is under way. New ones go through."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):  # one that has ended by itself is closed
                    sock.shutdown(socket.SHUT_RD)  # wakes the thread that reads
                    reset(sock)
            self._open.clear()

    def _forward(self, near: socket.socket) -> None:
        with connect(self._target) as far:
            near.settimeout(None)
            far.settimeout(None)
            with self._lock:
                self._open += [near, far]
            back = Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
