"""What a workload is, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.peers.base import Credentials, Peer

Figures = dict[str, float]

# Beyond the time that a load sets itself: starting, connecting, the last bytes.
GRACE = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often: rounds of the whole, seconds of a measurement (of one on the long path), and whether the
    slow workloads run."""

    rounds: int
    seconds: float
    path_seconds: float
    slow: bool


FULL = Plan(rounds=5, seconds=3.0, path_seconds=8.0, slow=True)
QUICK = Plan(rounds=1, seconds=1.0, path_seconds=2.0, slow=False)


@dataclass(frozen=True, slots=True)
class Context:
    """What a workload needs beside the peer."""

    credentials: Credentials
    plan: Plan


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of work. `once`: its figures vary too little to be taken every round; `slow`: too long for a quick run."""

    name: str
    title: str
    run: Callable[[Peer, Context], Figures]
    programs: dict[str, str] = field(default_factory=dict)
    once: bool = False
    slow: bool = False
    peers: tuple[str, ...] | None = None
