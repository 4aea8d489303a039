"""One connection attempt to one address, without blocking and without a task."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Final, TypeVar

from wormhole_tunnel.net.resolver import Endpoint
from wormhole_tunnel.net.socket_options import set_tcp_options

_T = TypeVar("_T")
_BACKLOG_RETRY: Final = (
    0.010  # seconds; a Unix socket whose backlog is full says EAGAIN and offers no event to wait for
)


class Attempt:
    """A `connect` under way: calls `done` once, from the loop, with a connected socket or an OSError.

    Once cancelled it calls nothing.
    """

    __slots__ = ("_done", "_loop", "_peer", "_socket", "_soon", "settled")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        endpoint: Endpoint | str,
        done: Callable[[Attempt, socket.socket | OSError], None],
    ) -> None:
        """`endpoint` is a path for a Unix socket. `done` is never called before this returns."""
        self._loop = loop
        self._done = done
        self._soon: asyncio.Handle | None = None
        self._socket: socket.socket | None = None
        self.settled = False  # the outcome is known, and `done` is called in the loop's next turn
        self._peer = endpoint if isinstance(endpoint, str) else endpoint.sockaddr
        try:
            self._socket = _open(socket.AF_UNIX if isinstance(endpoint, str) else endpoint.family)
            self._connect(self._socket)
        except OSError as error:
            self._settle(self._finish, error)

    def cancel(self) -> None:
        """Give up: no callback follows, the socket is closed."""
        if self._soon is not None:
            self._soon.cancel()
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    def _connect(self, sock: socket.socket) -> None:
        code = sock.connect_ex(self._peer)
        if code == errno.EINPROGRESS:
            # A server on this host has answered by now: asking again saves a turn of the loop.
            code = sock.connect_ex(self._peer)
        if code in (0, errno.EISCONN):
            self._settle(self._connected, sock)
        elif code in (errno.EINPROGRESS, errno.EALREADY, errno.EINTR):
            self._loop.add_writer(sock, self._connected, sock)
        elif code == errno.EAGAIN and sock.family == socket.AF_UNIX:
            self._soon = self._loop.call_later(_BACKLOG_RETRY, self._connect, sock)
        else:
            self._settle(self._finish, _error(code))

    def _settle(self, callback: Callable[[_T], None], argument: _T) -> None:
        self.settled = True
        self._soon = self._loop.call_soon(callback, argument)

    def _connected(self, sock: socket.socket) -> None:
        self._loop.remove_writer(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0 and is_self_connected(sock):
            code = errno.ECONNREFUSED
        self._finish(_error(code) if code else sock)

    def _finish(self, result: socket.socket | OSError) -> None:
        sock, self._socket = self._socket, None
        if isinstance(result, OSError) and sock is not None:
            sock.close()
        self._done(self, result)


def is_self_connected(sock: socket.socket) -> bool:
    """Whether a TCP socket is its own peer.

    Where nobody listens, the kernel may pick that very port for our end, and TCP then connects the socket to itself.
    """
    return sock.family != socket.AF_UNIX and sock.getsockname() == sock.getpeername()


def _open(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(0)
    set_tcp_options(sock)
    return sock


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
