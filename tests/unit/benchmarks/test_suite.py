"""The order of measurements, and a failure that stops nothing."""

from __future__ import annotations

from benchmarks.parsing import LoadError
from benchmarks.peers.base import Peer
from benchmarks.suite import run, steps
from benchmarks.workloads.base import Context, Figures, Plan, Workload

PLAN = Plan(rounds=3, seconds=0.0, path_seconds=0.0, slow=True)
PEERS = [Peer("a", ""), Peer("b", ""), Peer("c", "")]


def _port(peer: Peer, _context: Context) -> Figures:
    if peer.name == "b":
        raise LoadError("b is broken")
    return {"rtt_p50": float(ord(peer.name))}


EVERY_ROUND = Workload("every", "", _port)


def order(workload: Workload, plan: Plan = PLAN) -> list[str]:
    return [f"{step.round}{step.peer.name}" for step in steps([workload], PEERS, plan)]


def test_each_round_has_every_peer_and_begins_with_another() -> None:
    assert order(EVERY_ROUND) == ["0a", "0b", "0c", "1b", "1c", "1a", "2c", "2a", "2b"]


def test_peers_take_turns_within_a_workload() -> None:
    other = Workload("other", "", _port)
    taken = [(step.workload.name, step.peer.name) for step in steps([EVERY_ROUND, other], PEERS, PLAN)][:4]
    assert taken == [("every", "a"), ("every", "b"), ("every", "c"), ("other", "a")]


def test_once_is_the_first_round() -> None:
    assert order(Workload("w", "", _port, once=True)) == ["0a", "0b", "0c"]


def test_slow_workloads_are_not_for_quick_runs() -> None:
    quick = Plan(rounds=1, seconds=0.0, path_seconds=0.0, slow=False)
    assert order(Workload("w", "", _port, slow=True), quick) == []


def test_a_workload_of_one_peer() -> None:
    assert order(Workload("w", "", _port, peers=("b",))) == ["0b", "1b", "2b"]


def test_a_failure_is_kept_and_the_rest_goes_on() -> None:
    lines: list[str] = []
    results = run([EVERY_ROUND], PEERS, PLAN, lines.append)
    assert results.samples == {"rtt_p50": {"a": [97.0] * 3, "c": [99.0] * 3}}
    assert [(failure.round, failure.peer, failure.reason) for failure in results.failures] == [
        (number, "b", "b is broken") for number in (1, 2, 3)
    ]
    assert len(lines) == 9
