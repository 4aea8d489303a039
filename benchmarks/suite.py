"""Running it all: rounds in which every peer does the same work, one right after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.credentials import make_credentials
from benchmarks.figures import medians_of
from benchmarks.parsing import LoadError
from benchmarks.peers.base import Peer
from benchmarks.workloads.base import Context, Figures, Plan, Workload

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement to make."""

    round: int
    workload: Workload
    peer: Peer


@dataclass(frozen=True, slots=True)
class Failure:
    """A measurement that gave no figures, and why."""

    round: int
    workload: str
    peer: str
    reason: str


@dataclass(slots=True)
class Results:
    """All samples, by metric and peer, and what failed."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, peer: str, figures: Figures) -> None:
        for metric, value in figures.items():
            self.samples.setdefault(metric, {}).setdefault(peer, []).append(value)

    def medians(self) -> dict[str, dict[str, float]]:
        return medians_of(self.samples)


def steps(workloads: Sequence[Workload], peers: Sequence[Peer], plan: Plan) -> list[Step]:
    """Return all measurements in order. Each round begins with another peer, so that none always follows the same one."""
    return [
        Step(number, workload, peer)
        for number in range(plan.rounds)
        for workload in workloads
        for peer in _rotated(peers, number)
        if _takes_part(workload, peer, plan) and (number == 0 or not workload.once)
    ]


def _takes_part(workload: Workload, peer: Peer, plan: Plan) -> bool:
    return (plan.slow or not workload.slow) and (workload.peers is None or peer.name in workload.peers)


def _rotated(peers: Sequence[Peer], by: int) -> list[Peer]:
    start = by % len(peers) if peers else 0
    return [*peers[start:], *peers[:start]]


def run(workloads: Sequence[Workload], peers: Sequence[Peer], plan: Plan, progress: Progress) -> Results:
    """Make all measurements; a failure is noted and the rest goes on."""
    results = Results()
    with tempfile.TemporaryDirectory(prefix="benchmark-credentials-") as folder:
        context = Context(make_credentials(Path(folder)), plan)
        for step in steps(workloads, peers, plan):
            progress(f"round {step.round + 1}/{plan.rounds}  {step.workload.title}: {step.peer.name}")
            try:
                results.add(step.peer.name, step.workload.run(step.peer, context))
            except (LoadError, OSError) as error:
                reason = str(error) or type(error).__name__
                results.failures.append(Failure(step.round + 1, step.workload.name, step.peer.name, reason))
    return results
