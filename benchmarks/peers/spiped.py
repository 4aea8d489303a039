"""spiped: a shared key, messages padded to 1 KiB, a Diffie-Hellman exchange a connection."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.base import Commands, Credentials, Peer, Route
from benchmarks.processes import LOOPBACK


def _command(mode: str, listen: int, connect: int, key: Path) -> list[str]:
    addresses = ["-s", f"[{LOOPBACK}]:{listen}", "-t", f"[{LOOPBACK}]:{connect}"]
    # Its default of 100 connections would refuse most workloads.
    return ["spiped", mode, "-F", "-n", "0", "-k", str(key), *addresses]


def _build(route: Route, credentials: Credentials, _folder: Path) -> Commands:
    key = credentials.shared_key
    return Commands(
        server=_command("-d", route.link_listen, route.server, key),
        client=_command("-e", route.client, route.link_dial, key),
    )


SPIPED = Peer(
    name="spiped",
    settings="as shipped (forward secrecy on), one process; no limit of connections",
    programs={"spiped": "spiped"},
    version=["spiped", "-v"],
    build=_build,
)
