"""What a report needs to be read later: the machine, the versions, the date."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.base import Peer
from benchmarks.processes import REPOSITORY

VERSION_TIMEOUT = 10.0
_VERSION = re.compile(r"\d+\.\d+[\w.]*")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when it was measured. `load` is the load average before: what else the machine was doing."""

    date: str
    processor: str
    processors: int
    memory_gib: float
    system: str
    python: str
    openssl: str
    congestion_control: str
    load: float
    commit: str


def describe() -> Machine:
    """Return this machine, now."""
    return Machine(
        date=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=_find(r"^model name\s*:\s*(.+)$", "/proc/cpuinfo"),
        processors=len(os.sched_getaffinity(0)),
        memory_gib=round(int(_find(r"^MemTotal:\s+(\d+)", "/proc/meminfo")) / 2**20, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        openssl=version_of(["openssl", "version"]),
        congestion_control=_find(r"^(\w+)", "/proc/sys/net/ipv4/tcp_congestion_control"),
        load=round(os.getloadavg()[0], 2),
        commit=_output(["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"]).strip(),
    )


def versions(peers: Sequence[Peer]) -> dict[str, str]:
    """Return the version of each peer, as it reports it."""
    return {peer.name: version_of(peer.version) for peer in peers if peer.version}


def version_of(command: Sequence[str]) -> str:
    """Return the first version number that a command prints, or "unknown"."""
    found = _VERSION.search(_output(command))
    return found[0] if found else "unknown"


def _output(command: Sequence[str]) -> str:
    # stunnel, nginx and ssh print their version to standard error.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=VERSION_TIMEOUT, check=False
        )
        return done.stdout
    return ""


def _find(pattern: str, file: str) -> str:
    with contextlib.suppress(OSError):
        found = re.search(pattern, Path(file).read_text(), re.MULTILINE)
        return found[1] if found else "0"
    return "0"
