"""The round trip of 64 bytes: alone, and beside a bulk transfer in either direction."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from benchmarks.pair import Pair, running_pair
from benchmarks.peers.base import Peer
from benchmarks.processes import python
from benchmarks.workloads.backends import backend
from benchmarks.workloads.base import GRACE, Context, Figures, Workload
from benchmarks.workloads.prepared import PreparedLoad, prepared

# The transfer begins before the round trips, so that it's at its speed, and outlasts them.
LEAD = 0.4
TAIL = 0.3


def _echo_server(pair: Pair) -> AbstractContextManager[None]:
    return backend(pair, "echo", python("loads.server", pair.server_port))


def _ping_pong(pair: Pair, seconds: float) -> AbstractContextManager[PreparedLoad]:
    return prepared("the ping-pong", python("loads.pingpong", pair.port, seconds))


def _bulk(pair: Pair, direction: str, seconds: float) -> AbstractContextManager[PreparedLoad]:
    return prepared("the bulk transfer", python("loads.bulk", pair.port, direction, LEAD + seconds + TAIL))


def _alone(peer: Peer, context: Context) -> Figures:
    seconds = context.plan.seconds
    with running_pair(peer, context.credentials) as pair, _echo_server(pair), _ping_pong(pair, seconds) as ping:
        ping.go()
        report = ping.result(seconds + GRACE)
    return {"rtt_p50": report["p50"], "rtt_p99": report["p99"]}


def _beside(peer: Peer, context: Context) -> Figures:
    figures: Figures = {}
    with running_pair(peer, context.credentials) as pair, _echo_server(pair):
        for direction in ("up", "down"):
            report, rate = _one_direction(pair, direction, context.plan.seconds)
            figures[f"beside_{direction}_bulk"] = rate / 1e9
            figures[f"beside_{direction}_p50"] = report["p50"]
            figures[f"beside_{direction}_p99"] = report["p99"]
    return figures


def _one_direction(pair: Pair, direction: str, seconds: float) -> tuple[dict[str, float], float]:
    with _ping_pong(pair, seconds) as ping, _bulk(pair, direction, seconds) as bulk:
        bulk.go()
        time.sleep(LEAD)
        ping.go()
        return ping.result(seconds + GRACE), bulk.result(seconds + GRACE)["rate"]


ALONE = Workload("roundtrip", "round trip of 64 bytes", _alone)
BESIDE = Workload("beside", "round trip beside a bulk transfer", _beside)
