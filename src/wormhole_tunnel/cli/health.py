"""The image's health check: asks the proxy beside it, at its own status address, whether it is alive."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from typing import Final

import click

from wormhole_tunnel.errors import UsageError, WormholeError
from wormhole_tunnel.net.addresses import Address, TcpAddress, UnixAddress, parse_address_list

VARIABLE: Final = "WORMHOLE_STATUS"
_TIMEOUT: Final = 3.0  # seconds
_REQUEST: Final = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"
_ANSWER_SIZE: Final = 64  # bytes: the status line is all that counts
_THIS_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@click.command("health")
def command() -> None:
    """Exit with 0 if the proxy's status address answers that it is alive."""
    addresses = os.environ.get(VARIABLE, "")
    if not addresses:
        raise UsageError(f"{VARIABLE} is not set, so there is nothing to ask; it is where the proxy serves its status")
    address = parse_address_list(addresses)[-1]
    if not is_alive(address):
        raise WormholeError(f"the proxy does not answer at {address}")


def is_alive(address: Address) -> bool:
    """Whether the status server at this address says that its process is alive, within three seconds."""
    try:
        with closing(_connect(address)) as sock:
            sock.sendall(_REQUEST)
            return sock.recv(_ANSWER_SIZE).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def _connect(address: Address) -> socket.socket:
    if isinstance(address, TcpAddress):
        host = _THIS_HOST.get(address.host, address.host)
        return socket.create_connection((host, address.port), timeout=_TIMEOUT)
    return _connect_unix(address)


def _connect_unix(address: UnixAddress) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(_TIMEOUT)
        sock.connect(address.path)
    except OSError:
        sock.close()
        raise
    return sock
