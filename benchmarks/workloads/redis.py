"""redis-benchmark: GET by fifty clients, without pipelining and with sixteen at a time."""

from __future__ import annotations

from benchmarks.pair import Pair, running_pair
from benchmarks.parsing import parse_redis_benchmark
from benchmarks.peers.base import Peer
from benchmarks.processes import LOOPBACK, output_of
from benchmarks.workloads.backends import REDIS, backend, redis_server
from benchmarks.workloads.base import GRACE, Context, Figures, Workload

CLIENTS = 50
WARM_UP_REQUESTS = 40 * CLIENTS


def _rate(pair: Pair, pipeline: int, requests: int, test: str = "get") -> float:
    command = ["redis-benchmark", "-h", LOOPBACK, "-p", str(pair.port), "-c", str(CLIENTS), "-P", str(pipeline)]
    return parse_redis_benchmark(output_of([*command, "-n", str(requests), "-t", test, "--csv"], GRACE * 3))


def _run(peer: Peer, context: Context) -> Figures:
    figures: Figures = {}
    with running_pair(peer, context.credentials) as pair, backend(pair, "redis", redis_server(pair.server_port)):
        _rate(pair, 1, CLIENTS, "set")
        for pipeline in (1, 16):
            # It runs for a number of requests, not for a time: the warm-up tells how many.
            expected = _rate(pair, pipeline, WARM_UP_REQUESTS * pipeline)
            requests = max(WARM_UP_REQUESTS, round(expected * context.plan.seconds))
            figures[f"redis_p{pipeline}"] = _rate(pair, pipeline, requests)
    return figures


WORKLOAD = Workload("redis", "Redis GET, 50 clients", _run, REDIS)
