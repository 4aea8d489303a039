"""TCP options that every socket of the tunnel has, on Linux and macOS."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final

from wormhole_tunnel.limits import DEAD_AFTER

KEEPALIVE_IDLE: Final = 60  # seconds of silence before the first probe; NATs forget after minutes
KEEPALIVE_INTERVAL: Final = 15  # seconds between probes
KEEPALIVE_PROBES: Final = 4  # unanswered: the peer is gone, two minutes after its last sign of life


def _known(*options: tuple[str, int]) -> tuple[tuple[int, int], ...]:
    """Those options that this platform has."""
    found = ((getattr(socket, name, None), value) for name, value in options)
    return tuple((option, value) for option, value in found if isinstance(option, int))


_TCP_OPTIONS: Final = _known(
    ("TCP_NODELAY", 1),
    ("TCP_KEEPIDLE", KEEPALIVE_IDLE),
    # macOS has another name for the idle time, the Linux one only from Python 3.13 on
    *((("TCP_KEEPALIVE", KEEPALIVE_IDLE),) if not hasattr(socket, "TCP_KEEPIDLE") else ()),
    ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL),
    ("TCP_KEEPCNT", KEEPALIVE_PROBES),
)


def set_tcp_options(sock: socket.socket) -> None:
    """Send at once (TCP_NODELAY) and probe a silent peer. On a listening socket: for those that it accepts.

    Other families are left alone. A peer that reset already makes no error here: the first read or write tells.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _TCP_OPTIONS:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError:  # macOS: EINVAL on a socket that was reset
        return


_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds
_UNACKNOWLEDGED: Final = round(DEAD_AFTER * 1000)  # milliseconds; what is not acknowledged for so long ends the link
_LINK_OPTIONS: Final = _known(("TCP_USER_TIMEOUT", _UNACKNOWLEDGED))


def set_link_options(sock: socket.socket) -> None:
    """For the TCP connection between two proxies: an end when nothing gets through."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for option, value in _LINK_OPTIONS:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def limit_unsent(sock: socket.socket, size: int) -> None:
    """Let the socket count as writable only while less than `size` bytes are unsent: the rest stays with us."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        for option, value in _known(("TCP_NOTSENT_LOWAT", size)):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def reset_on_close(sock: socket.socket) -> None:
    """Make `close` a reset (RST) instead of an orderly end. No error on a socket that is past it."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
