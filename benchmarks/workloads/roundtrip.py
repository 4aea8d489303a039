"""The round trip of 64 bytes: alone, and beside a bulk transfer in either direction."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator

from benchmarks.pair import Pair, running_pair
from benchmarks.parsing import LoadError
from benchmarks.peers.base import Peer
from benchmarks.processes import REPOSITORY, output_of, python
from benchmarks.workloads.backends import backend
from benchmarks.workloads.base import GRACE, Context, Figures, Workload

# The transfer begins before the round trips and outlasts them.
LEAD = 0.4
TAIL = 0.3


def _ping_pong(pair: Pair, seconds: float) -> dict[str, float]:
    report: dict[str, float] = json.loads(output_of(python("loads.pingpong", pair.port, seconds), seconds + GRACE))
    return report


def _alone(peer: Peer, context: Context) -> Figures:
    with (
        running_pair(peer, context.credentials) as pair,
        backend(pair, "echo", python("loads.server", pair.server_port)),
    ):
        report = _ping_pong(pair, context.plan.seconds)
    return {"rtt_p50": report["p50"], "rtt_p99": report["p99"]}


@contextlib.contextmanager
def _bulk(pair: Pair, direction: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = python("loads.bulk", pair.port, direction, seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as load:
        try:
            yield load
        finally:
            load.kill()


def _beside(peer: Peer, context: Context) -> Figures:
    figures: Figures = {}
    seconds = context.plan.seconds
    with (
        running_pair(peer, context.credentials) as pair,
        backend(pair, "echo", python("loads.server", pair.server_port)),
    ):
        for direction in ("up", "down"):
            with _bulk(pair, direction, LEAD + seconds + TAIL) as load:
                time.sleep(LEAD)
                report = _ping_pong(pair, seconds)
                figures[f"beside_{direction}_bulk"] = _rate(load)
            figures[f"beside_{direction}_p50"] = report["p50"]
            figures[f"beside_{direction}_p99"] = report["p99"]
    return figures


def _rate(load: subprocess.Popen[str]) -> float:
    try:
        output, errors = load.communicate(timeout=GRACE)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"the bulk transfer took {GRACE:.0f} s longer than it should") from error
    if load.returncode != 0:
        raise LoadError(f"the bulk transfer failed: {errors.strip().splitlines()[-1] if errors else ''}")
    return float(json.loads(output)["rate"]) / 1e9


ALONE = Workload("roundtrip", "round trip of 64 bytes", _alone)
BESIDE = Workload("beside", "round trip beside a bulk transfer", _beside)
