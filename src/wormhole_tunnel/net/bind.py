"""Opening listening sockets: TCP on every address of a host, or a Unix socket at a path that may be taken.

A Unix socket's file outlives a process that was killed. Such a stale file is replaced; one that somebody answers at is
never touched, and at the end the file is removed only if it is still the one made here. A lock on the directory keeps
two proxies that start at once from replacing each other's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wormhole_tunnel.errors import ListenError
from wormhole_tunnel.net.addresses import Address, TcpAddress, UnixAddress
from wormhole_tunnel.net.resolver import Endpoint, LookUpError, literal_endpoint, look_up
from wormhole_tunnel.net.socket_options import set_tcp_options

BACKLOG: Final = 4096  # the kernel lowers it to its own limit
_ABSENT: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_UNCHANGED: Final = -1  # to chown(2)


@dataclass(frozen=True, slots=True)
class UnixPermissions:
    """Who may connect to a Unix socket: mode bits, and the numeric owner and group, where -1 leaves what is."""

    mode: int = 0o600
    user: int = _UNCHANGED
    group: int = _UNCHANGED


class BoundSocket:
    """A listening, non-blocking socket; `close` also removes the file of a Unix socket made here."""

    __slots__ = ("_file", "socket")

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self.socket = sock
        self._file: tuple[Path, int, int] | None = None  # with the device and inode number of what was made there

    def bind_unix(self, path: Path) -> None:
        """Bind to `path`, and remember to remove it.

        Raises OSError.
        """
        self.socket.bind(os.fspath(path))
        self._file = (path, *_identity(path))

    def close(self) -> None:
        """Close the socket. The file is compared before, while its inode number can't be used again."""
        if self._file is not None:
            path, *identity = self._file
            with contextlib.suppress(OSError), _locked(path.parent):
                if _identity(path) == tuple(identity):
                    path.unlink()
        self._file = None
        self.socket.close()


def open_listening(address: Address, permissions: UnixPermissions) -> list[BoundSocket]:
    """Listen on `address`; a name may have several, which then share one port. `permissions` are for a Unix socket.

    May block for a look-up. Raises ListenError, whose one line says what to do.
    """
    if isinstance(address, UnixAddress):
        return [_open_unix(address, permissions)]
    bound: list[BoundSocket] = []
    absent: OSError | None = None
    port = address.port
    for endpoint in _endpoints(address):
        try:
            bound.append(BoundSocket(_open_tcp(endpoint, port)))
        except OSError as error:
            if error.errno in _ABSENT:
                absent = error
                continue
            _close_all(bound)
            raise ListenError(_tcp_advice(address, error)) from error
        port = bound[0].socket.getsockname()[1]
    if not bound and absent is not None:
        raise ListenError(_tcp_advice(address, absent)) from absent
    return bound


def _endpoints(address: TcpAddress) -> list[Endpoint]:
    literal = literal_endpoint(address.host, address.port)
    if literal is not None:
        return [literal]
    try:
        return list(dict.fromkeys(look_up(address.host)))
    except LookUpError as error:
        raise ListenError(f"can't listen on {address}: {error}") from error


def _open_tcp(endpoint: Endpoint, port: int) -> socket.socket:
    host, _, *rest = endpoint.sockaddr
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == socket.AF_INET6:
            # [::] takes IPv4 as well, whatever the system's default; any other address is of one family anyway
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        set_tcp_options(sock)
        sock.bind((host, port, *rest))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _open_unix(address: UnixAddress, permissions: UnixPermissions) -> BoundSocket:
    path = Path(address.path)
    bound = BoundSocket(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        with _locked(path.parent):
            _remove_stale(path)
            bound.bind_unix(path)
            # nobody can connect before `listen`, so there is no moment with the wrong permissions
            path.chmod(permissions.mode)
            if (permissions.user, permissions.group) != (_UNCHANGED, _UNCHANGED):
                os.chown(path, permissions.user, permissions.group)
            # within the lock: until it listens, it looks stale to others
            bound.socket.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise ListenError(_unix_advice(address, error)) from error
    except ListenError:
        bound.close()
        raise
    return bound


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock on `directory`; without it where the directory can't be opened for reading."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"unix:{path}: something that is no socket stands there: choose another path, or remove it")
    if not _is_stale(path):
        raise ListenError(f"unix:{path} is in use by another process: stop it, or choose another path")
    path.unlink()


def _is_stale(path: Path) -> bool:
    """Whether nobody listens there. What can't be told (no permission, a full backlog, a datagram socket) is alive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        return probe.connect_ex(os.fspath(path)) == errno.ECONNREFUSED


def _close_all(bound: list[BoundSocket]) -> None:
    for each in bound:
        each.close()


def _tcp_advice(address: TcpAddress, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{address} is in use by another process: stop it, or choose another port"
        case errno.EACCES | errno.EPERM:
            return f"no permission to listen on {address}: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return f"can't listen on {address}: the host is no address of this machine: choose one, or 0.0.0.0 for all"
        case errno.EAFNOSUPPORT:
            return f"can't listen on {address}: this machine has no IPv6: choose an IPv4 address"
        case _:
            return f"can't listen on {address}: {error.strerror}"


def _unix_advice(address: UnixAddress, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"can't listen on {address}: its directory is missing: make it first"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"can't listen on {address}: {error.strerror}: check the owners of its directory and of the socket"
        case _:
            return f"can't listen on {address}: {error.strerror}"
