"""Writing to a local socket: at once what it takes, the rest in a queue that the stream's window bounds."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol


class WriterOwner(Protocol):
    """Who is told how the writing goes."""

    def consumed(self, length: int, /) -> None:
        """The socket has taken this many bytes more."""

    def write_failed(self) -> None:
        """The socket takes no more, ever."""

    def write_finished(self) -> None:
        """Everything up to `finish` is written, and the socket shut down for writing."""


class SocketWriter:
    """`sock` is None while it is still being connected; what is written meanwhile waits."""

    __slots__ = ("_loop", "_owner", "_queue", "_socket", "_watching", "closed", "ended", "finishing")

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: WriterOwner, sock: socket.socket | None) -> None:
        self.ended = False
        self.closed = False
        self._loop = loop
        self._owner = owner
        self._socket = sock
        self._queue: deque[memoryview] | None = None  # made when needed: most never are
        self.finishing = False
        self._watching = False

    def connected(self, sock: socket.socket) -> None:
        """The socket is there: write what has waited for it."""
        self._socket = sock
        self._write_queue()

    def write(self, data: memoryview) -> None:
        """Write now what the socket takes, copy the rest: `data` is the caller's again afterwards."""
        sent = 0
        if not self._queue and self._socket is not None:
            sent = self._send(self._socket, data)
        if sent < len(data) and not self.closed:
            if self._queue is None:
                self._queue = deque()
            self._queue.append(memoryview(bytes(data[sent:])))

    def _send(self, sock: socket.socket, data: memoryview) -> int:
        try:
            sent = sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._owner.write_failed()
            return 0
        if sent < len(data) and not self._watching:
            self._watching = True
            self._loop.add_writer(sock, self._write_queue)
        if sent:
            self._owner.consumed(sent)
        return sent

    def _write_queue(self) -> None:
        queue, sock = self._queue, self._socket
        while queue and sock is not None:
            data = queue[0]
            sent = self._send(sock, data)
            if self.closed:
                return
            if sent < len(data):
                queue[0] = data[sent:]
                return
            queue.popleft()
        self._queue = None
        self._unwatch()
        self._finish_when_drained()

    def _unwatch(self) -> None:
        if self._watching and self._socket is not None:
            self._watching = False
            self._loop.remove_writer(self._socket)

    def finish(self) -> None:
        """Shut the socket down for writing, once everything before is written."""
        self.finishing = True
        self._finish_when_drained()

    def _finish_when_drained(self) -> None:
        sock = self._socket
        if not self.finishing or self.ended or self._queue or sock is None:
            return
        self.ended = True
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._owner.write_failed()
        else:
            self._owner.write_finished()

    def close(self) -> None:
        """Write nothing more; the socket is closed by its owner. Idempotent."""
        self.closed = True
        self._unwatch()
        self._queue = None
