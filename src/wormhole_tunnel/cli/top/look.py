"""A look at each proxy's /status.json, and what two looks tell about the time between them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from wormhole_tunnel.cli.status_client import StatusError, fetch
from wormhole_tunnel.net.addresses import Address

VERSION: Final = 1  # of the document that is understood here
_TIME_LIMIT: Final = 3.0  # seconds
_OK: Final = 200
_UNAUTHORIZED: Final = 401

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What one status address said at `at` (monotonic seconds): a document, or an error."""

    address: str
    at: float
    document: Json | None = None
    error: str = ""

    def proxies(self) -> Iterator[Json]:
        """Each proxy of the process."""
        yield from self.document["proxies"] if self.document is not None else ()


def look_at_all(addresses: Sequence[Address], token: str, connections: int) -> list[Look]:
    """Ask all at once, so that one that hangs holds up no other."""
    with ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(lambda address: _look_at(address, token, connections), addresses))


def _look_at(address: Address, token: str, connections: int) -> Look:
    at = time.monotonic()
    try:
        status, body = fetch(address, f"/status.json?connections={connections}", token, _TIME_LIMIT)
    except StatusError as error:
        return Look(str(address), at, error=str(error))
    if status == _UNAUTHORIZED:
        return Look(str(address), at, error=f"{address} asks for a token: name its file with --token-file")
    try:
        document = json.loads(body) if status == _OK else None
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        return Look(str(address), at, error=f"what answers at {address} is no status of a wormhole that is known here")
    return Look(str(address), at, document)


@dataclass(frozen=True, slots=True)
class Rate:
    """Bytes per second in each direction; None as long as there was only one look."""

    to_server: float
    to_client: float


def rates(before: Sequence[Look], after: Sequence[Look]) -> dict[tuple[str, str], Rate]:
    """How fast each proxy was between two looks, by status address and name."""
    totals = {(look.address, proxy["name"]): (look.at, proxy["totals"]) for look in before for proxy in look.proxies()}
    found: dict[tuple[str, str], Rate] = {}
    for look in after:
        for proxy in look.proxies():
            key = (look.address, proxy["name"])
            then, old = totals.get(key, (look.at, proxy["totals"]))
            elapsed = look.at - then
            if elapsed > 0:
                new = proxy["totals"]
                up, down = (max(0, new[name] - old[name]) / elapsed for name in ("to_server_bytes", "to_client_bytes"))
                found[key] = Rate(up, down)
    return found
