"""Writing to a local socket: at once what it takes, the rest in a queue that the stream's window bounds.

What waits is counted (`Buffers.waiting`). Small pieces are put together: a queue of single bytes would take a hundred
times the memory that it is counted for.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Final, Protocol

from wormhole_tunnel.limits import KIB
from wormhole_tunnel.session.buffers import Buffers

_PIECE: Final = 64 * KIB


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

    __slots__ = (
        "_buffers",
        "_loop",
        "_owner",
        "_queue",
        "_socket",
        "_taken",
        "_watching",
        "closed",
        "ended",
        "finishing",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, owner: WriterOwner, sock: socket.socket | None, buffers: Buffers
    ) -> None:
        self.ended = False
        self.closed = False
        self._loop = loop
        self._owner = owner
        self._socket = sock
        self._buffers = buffers
        self._queue: deque[bytearray] | None = None  # made when needed: most never are
        self._taken = 0  # bytes of the first piece that the socket has taken
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
            self._enqueue(data[sent:])

    def _enqueue(self, data: memoryview) -> None:
        self._buffers.waiting += len(data)
        if self._queue is None:
            self._queue = deque()
        if self._queue and len(self._queue[-1]) + len(data) <= _PIECE:
            self._queue[-1] += data
        else:
            self._queue.append(bytearray(data))

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
            with memoryview(queue[0]) as piece:
                sent = self._send(sock, piece[self._taken :])
            if self.closed:
                return
            self._buffers.waiting -= sent
            self._taken += sent
            if self._taken < len(queue[0]):
                return
            self._taken = 0
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
        if self._queue:
            self._buffers.waiting -= sum(map(len, self._queue)) - self._taken
        self._queue = None
