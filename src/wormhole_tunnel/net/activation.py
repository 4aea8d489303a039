"""Listening sockets that systemd opened and hands over by name: sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

from wormhole_tunnel.errors import ListenError
from wormhole_tunnel.net.socket_options import set_tcp_options

FIRST_DESCRIPTOR: Final = 3
MAX_DESCRIPTORS: Final = 1024


def activated_sockets(name: str, environ: Mapping[str, str]) -> list[socket.socket]:
    """The sockets of that name, FileDescriptorName= in a socket unit; at least one.

    Raises ListenError when there is none, or one that is no listening stream socket.
    """
    names = _names(environ)
    descriptors = [FIRST_DESCRIPTOR + index for index, each in enumerate(names) if each == name]
    if not descriptors:
        given = f"only {', '.join(names)}" if names else "none at all"
        raise ListenError(f"systemd:{name}: systemd passed no socket of that name ({given}): see FileDescriptorName=")
    return [_adopted(descriptor, name) for descriptor in descriptors]


def _names(environ: Mapping[str, str]) -> list[str]:
    count, pid = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_PID", "")
    if not count.isdecimal() or pid != str(os.getpid()):
        return []
    number = min(int(count), MAX_DESCRIPTORS)
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    return [names[index] if index < len(names) and names[index] else "unknown" for index in range(number)]


def _adopted(descriptor: int, name: str) -> socket.socket:
    try:
        sock = socket.socket(fileno=descriptor)
        listening = sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ListenError(f"systemd:{name}: descriptor {descriptor} is no socket: {error.strerror}") from error
    if not listening:
        raise ListenError(f"systemd:{name} does not listen for streams: use ListenStream= and Accept=no")
    sock.set_inheritable(False)
    if sock.family != socket.AF_UNIX:
        set_tcp_options(sock)
    return sock
