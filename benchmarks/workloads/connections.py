"""wrk with `Connection: close`: a new connection for each request."""

from __future__ import annotations

from benchmarks.pair import running_pair
from benchmarks.parsing import parse_wrk
from benchmarks.peers.base import Peer
from benchmarks.processes import LOOPBACK, output_of
from benchmarks.workloads.backends import WRK, backend, web_server
from benchmarks.workloads.base import GRACE, Context, Figures, Workload

AT_ONCE = 50


def _run(peer: Peer, context: Context) -> Figures:
    seconds = f"{context.plan.seconds:.0f}s"
    with (
        running_pair(peer, context.credentials) as pair,
        web_server(pair.server_port) as server,
        backend(pair, "web", server),
    ):
        url = f"http://{LOOPBACK}:{pair.port}/"
        command = ["wrk", "-t", "1", "-c", str(AT_ONCE), "-d", seconds, "-H", "Connection: close", url]
        return {"connections": parse_wrk(output_of(command, context.plan.seconds + GRACE))}


WORKLOAD = Workload("connections", "new connections a second", _run, WRK)
