"""iperf3, both ways, with one stream and with eight: bandwidth, fairness among the eight, processor time per GB."""

from __future__ import annotations

import time

from benchmarks.figures import fairness
from benchmarks.pair import Pair, PathSettings, running_pair
from benchmarks.parsing import LoadError, Transfer, parse_iperf3
from benchmarks.peers.base import Peer
from benchmarks.processes import LOOPBACK, output_of
from benchmarks.workloads.backends import IPERF3, backend, iperf3_server
from benchmarks.workloads.base import GRACE, Context, Figures, Workload

GIGA = 1e9
LONG_PATH = PathSettings(rate=1 * GIGA, round_trip=0.050)
BUSY, BUSY_TRIES, BUSY_PAUSE = "the server is busy", 50, 0.1
_DIRECTIONS: dict[str, tuple[str, ...]] = {"up": (), "down": ("-R",)}


def transfer(pair: Pair, direction: str, streams: int, seconds: float) -> Transfer:
    """Run one iperf3 test through `pair`; `direction` is "up" or "down"."""
    command = ["iperf3", "-J", "-c", LOOPBACK, "-p", str(pair.port), "-t", f"{seconds:.0f}", "-P", str(streams)]
    command += _DIRECTIONS[direction]
    for _ in range(BUSY_TRIES):
        output = output_of(command, seconds + GRACE)
        # The end of the test before is still on its way to the server.
        if BUSY not in output:
            return parse_iperf3(output)
        time.sleep(BUSY_PAUSE)
    raise LoadError("iperf3's server stays busy with a test that is over")


def _run(peer: Peer, context: Context) -> Figures:
    figures: Figures = {}
    seconds = context.plan.seconds
    with running_pair(peer, context.credentials) as pair, backend(pair, "iperf3", iperf3_server(pair.server_port)):
        for direction in _DIRECTIONS:
            before = pair.processor_seconds()
            single = transfer(pair, direction, 1, seconds)
            used = pair.processor_seconds() - before
            figures[f"bulk_{direction}_1"] = single.rate / GIGA
            if pair.proxies.pids:
                figures[f"cpu_{direction}"] = used / (single.received / GIGA)
            eight = transfer(pair, direction, 8, seconds)
            figures[f"bulk_{direction}_8"] = eight.rate / GIGA
            figures[f"fairness_{direction}"] = fairness(eight.stream_rates)
    return figures


def _run_long_path(peer: Peer, context: Context) -> Figures:
    figures: Figures = {}
    with (
        running_pair(peer, context.credentials, LONG_PATH) as pair,
        backend(pair, "iperf3", iperf3_server(pair.server_port)),
    ):
        for direction in _DIRECTIONS:
            result = transfer(pair, direction, 1, context.plan.path_seconds)
            figures[f"path_{direction}"] = result.rate / GIGA
    return figures


BULK = Workload("bulk", "bulk transfer, fairness, processor time", _run, IPERF3)
LONG = Workload("longpath", "a path of 50 ms and 1 Gb/s", _run_long_path, IPERF3)
