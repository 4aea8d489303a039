"""Accepting connections, and never ceasing to.

When this process or the system has no descriptor left, `accept` fails while the connection stays in the queue, and the
loop would spin. So the listener rests for a moment, says so once, and goes on when there is room again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable, Sequence
from typing import Final

from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address, SourceAddress, TcpAddress, UnixAddress, source_address
from wormhole_tunnel.net.bind import BACKLOG, BoundSocket, UnixPermissions, open_listening
from wormhole_tunnel.observe.logs import get_logger, log_event

ACCEPTS_PER_TURN: Final = 64  # then the loop serves others; the rest of the queue wakes it again
FIRST_REST: Final = 0.1  # seconds, doubling
LONGEST_REST: Final = 1.0
_MACOS_LIMIT: Final = 10_240  # OPEN_MAX: what setrlimit takes there although the hard limit says infinite

# Linux reports at `accept` what befell the connection that waited (accept(2), "Error handling")
_LOST: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EPROTO,
        errno.ETIMEDOUT,
    }
)
_log = get_logger("wormhole.net.listen")

OnAccept = Callable[[socket.socket, SourceAddress], None]


class Listener:
    """Listens on one address and hands over each connection, non-blocking, with TCP_NODELAY and keepalive.

    Made within a running event loop, it accepts from its next turn on, until `close`. If the callback raises, the error
    is logged, that connection closed, and the next one accepted.
    """

    def __init__(self, sockets: Sequence[BoundSocket], on_accept: OnAccept) -> None:
        """Take over sockets that are bound; see `open` and `adopt`."""
        self._loop = asyncio.get_running_loop()
        self._sockets = list(sockets)
        self._on_accept = on_accept
        self.address = _bound_address(sockets[0].socket)
        self._paused = False
        self._adopted = False
        self._rest = 0.0  # seconds; 0 while there are descriptors
        self._resting_since = 0.0
        self._wake_up: asyncio.TimerHandle | None = None
        self._watch()

    @classmethod
    def open(cls, address: Address, on_accept: OnAccept, permissions: UnixPermissions | None = None) -> Listener:
        """Listen on `address`. A host name is looked up at once, which may block.

        Raises ListenError.
        """
        return cls(open_listening(address, permissions or UnixPermissions()), on_accept)

    @classmethod
    def adopt(cls, sock: socket.socket, on_accept: OnAccept) -> Listener:
        """Accept from a listening socket that was opened elsewhere; the file of a Unix socket is left alone."""
        listener = cls([BoundSocket(sock)], on_accept)
        listener._adopted = True
        return listener

    def pause(self) -> None:
        """Leave new connections in the kernel's queue."""
        self._paused = True
        self._unwatch()

    def resume(self) -> None:
        """Accept again."""
        self._paused = False
        if self._wake_up is None:
            self._watch()

    def take_waiting(self) -> None:
        """Accept at once whoever waits in the kernel's queue, and would be reset by `close` although connected already.

        Not from a socket that was opened elsewhere: what waits there is for whoever listens next.
        """
        if self._adopted or self._wake_up is not None:
            return
        for bound in list(self._sockets):
            for _ in range(BACKLOG):
                if self._paused or not self._accept_one(bound.socket):
                    break

    def close(self) -> None:
        """Stop, close the sockets, remove a Unix socket's file if it is still this listener's. May be called twice."""
        self.pause()
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
        for bound in self._sockets:
            bound.close()
        self._sockets.clear()

    def _watch(self) -> None:
        for bound in self._sockets:
            self._loop.add_reader(bound.socket, self._accept_some, bound.socket)

    def _unwatch(self) -> None:
        for bound in self._sockets:
            self._loop.remove_reader(bound.socket)

    def _accept_some(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if not self._accept_one(listening) or self._paused:
                return

    def _accept_one(self, listening: socket.socket) -> bool:
        """Tells whether there may be more."""
        try:
            sock, sockaddr = listening.accept()
        except BlockingIOError:
            self._recover()
            return False
        except OSError as error:
            if error.errno not in _LOST:
                self._take_rest(error)
                return False
            log_event(_log, logging.DEBUG, "accept_failed", f"connection lost before accept: {error.strerror}")
            return True
        self._recover()
        self._hand_over(sock, sockaddr)
        return True

    def _hand_over(self, sock: socket.socket, sockaddr: object) -> None:
        try:
            sock.settimeout(0)
            self._on_accept(sock, source_address(sockaddr))
        except Exception as error:  # a mistake in serving one client must not cost the others
            sock.close()
            message = f"internal error in accepting on {self.address}: {type(error).__name__}: {error}"
            log_event(_log, logging.ERROR, "accept_crashed", message, error=error)

    def _take_rest(self, error: OSError) -> None:
        if not self._rest:
            self._resting_since = clock.now()
            message = (
                f"not accepting on {self.address} for now: {error.strerror}: raise the limit, or close connections"
            )
            log_event(_log, logging.WARNING, "accept_paused", message, address=str(self.address))
        self._rest = min(self._rest * 2, LONGEST_REST) if self._rest else FIRST_REST
        self._unwatch()
        self._wake_up = self._loop.call_later(self._rest, self._try_again)

    def _try_again(self) -> None:
        self._wake_up = None
        if not self._paused:
            self._watch()

    def _recover(self) -> None:
        if self._rest:
            self._rest = 0.0
            seconds = clock.now() - self._resting_since
            message = f"accepting on {self.address} again after {seconds:.1f} s"
            log_event(_log, logging.WARNING, "accept_resumed", message, address=str(self.address), seconds=seconds)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors as far as the hard one lets it; returns the limit that now holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _MACOS_LIMIT):
        if soft != resource.RLIM_INFINITY and (wanted > soft or wanted == resource.RLIM_INFINITY):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (OSError, ValueError):
                continue
            break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _bound_address(sock: socket.socket) -> Address:
    if sock.family == socket.AF_UNIX:
        return UnixAddress(os.fsdecode(sock.getsockname()))
    host, port = sock.getsockname()[:2]
    return TcpAddress(host, port)
