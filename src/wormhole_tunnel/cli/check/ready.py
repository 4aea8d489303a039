"""Whether a proxy is ready, asked at its --status: needs no shell and no library, so a container can check itself."""

from __future__ import annotations

from wormhole_tunnel.cli.check.outcome import Finding, Outcome
from wormhole_tunnel.cli.status_client import StatusError, fetch
from wormhole_tunnel.net.addresses import Address

_OK = 200
_NOT_READY = 503


def ask_ready(address: Address, time_limit: float) -> Finding:
    """Ask /readyz, which needs no token."""
    try:
        status, body = fetch(address, "/readyz", "", time_limit)
    except StatusError as error:
        return Finding(address=str(address), outcome=Outcome.NO_STATUS, detail=str(error))
    said = body.decode(errors="replace").strip()
    if status == _OK and said == "ready":
        return Finding(address=str(address), outcome=Outcome.OK, detail=said)
    if status == _NOT_READY:
        return Finding(address=str(address), outcome=Outcome.NOT_READY, detail=said)
    return Finding(
        address=str(address), outcome=Outcome.NO_STATUS, detail="something else than a proxy's status answers"
    )
