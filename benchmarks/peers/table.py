"""All peers, in the order in which reports show them."""

from __future__ import annotations

import shutil

from benchmarks.peers.base import Peer
from benchmarks.peers.haproxy import HAPROXY
from benchmarks.peers.nginx import NGINX
from benchmarks.peers.spiped import SPIPED
from benchmarks.peers.ssh import SSH
from benchmarks.peers.stunnel import STUNNEL
from benchmarks.peers.wormhole import PEER as WORMHOLE

DIRECT = Peer(name="direct", settings="no proxy: the limit of this machine")

PEERS: dict[str, Peer] = {peer.name: peer for peer in (WORMHOLE, STUNNEL, HAPROXY, NGINX, SPIPED, SSH, DIRECT)}


def missing_programs(programs: dict[str, str]) -> list[str]:
    """Return a line for each program that isn't installed, with the package that has it."""
    return [f"{program} ({package})" for program, package in programs.items() if shutil.which(program) is None]
