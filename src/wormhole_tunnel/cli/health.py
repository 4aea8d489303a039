"""The image's health check: asks the proxy beside it, at its own status address, whether it is alive.

Not whether it is ready, as `wormhole check --status` does: to restart a proxy mends no link and no server.
"""

from __future__ import annotations

import os
from typing import Final

import click

from wormhole_tunnel.cli.status_client import StatusError, fetch
from wormhole_tunnel.errors import UsageError, WormholeError
from wormhole_tunnel.net.addresses import Address, TcpAddress, parse_address_list

VARIABLE: Final = "WORMHOLE_STATUS"
_TIME_LIMIT: Final = 3.0  # seconds
_OK: Final = 200
_THIS_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@click.command("health")
def command() -> None:
    """Exit with 0 if the proxy's status address answers that it is alive."""
    addresses = os.environ.get(VARIABLE, "")
    if not addresses:
        raise UsageError(f"{VARIABLE} is not set, so there is nothing to ask; it is where the proxy serves its status")
    address = _reachable(parse_address_list(addresses)[-1])
    try:
        code, _ = fetch(address, "/healthz", "", _TIME_LIMIT)
    except StatusError as error:
        raise WormholeError(str(error)) from error
    if code != _OK:
        raise WormholeError(f"the proxy at {address} answers with {code}")


def _reachable(address: Address) -> Address:
    """Where to connect to, for an address that is listened on."""
    if isinstance(address, TcpAddress):
        return TcpAddress(_THIS_HOST.get(address.host, address.host), address.port)
    return address
