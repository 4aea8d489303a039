"""Asks a proxy's --status address, over TCP or a Unix socket, with the standard library alone."""

from __future__ import annotations

import http.client
import socket

from wormhole_tunnel.net.addresses import Address, TcpAddress, UnixAddress


class StatusError(Exception):
    """No answer; the text says why, in one line."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, time_limit: float) -> None:
        super().__init__("localhost", timeout=time_limit)
        self._path = path

    def connect(self) -> None:
        """Part of `HTTPConnection`."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def fetch(address: Address, path: str, token: str, time_limit: float) -> tuple[int, bytes]:
    """The answer's status code and body, within about `time_limit` seconds. Raises StatusError."""
    connection = _connection(address, time_limit)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except TimeoutError as error:
        raise StatusError(f"no answer from {address} within {time_limit:g} s") from error
    except OSError as error:
        raise StatusError(f"can't reach the status at {address}: {error.strerror or error}") from error
    except http.client.HTTPException as error:
        raise StatusError(f"what answers at {address} is no HTTP server") from error
    finally:
        connection.close()


def _connection(address: Address, time_limit: float) -> http.client.HTTPConnection:
    match address:
        case TcpAddress(host, port):
            return http.client.HTTPConnection(host, port, timeout=time_limit)
        case UnixAddress(path):
            return _UnixConnection(path, time_limit)
