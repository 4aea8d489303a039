"""KiB of both proxies for each idle connection: what a thousand, and ten thousand, add to the pair's memory."""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager
from functools import partial

from benchmarks.pair import Pair, running_pair
from benchmarks.peers.base import Peer, most_connections
from benchmarks.processes import python
from benchmarks.workloads.backends import backend
from benchmarks.workloads.base import Context, Figures, Workload
from benchmarks.workloads.prepared import PreparedLoad, prepared

# A client process, and a source address, for each so many: descriptors and ports have limits.
PER_CLIENT = 5_000
OPENING_TIMEOUT = 120.0
# Idle means idle: what the last echoes took is given back.
SETTLE = 1.0


def _run(count: int, peer: Peer, context: Context) -> Figures:
    if peer.build is None:
        return {}
    with (
        running_pair(peer, context.credentials) as pair,
        backend(pair, "echo", python("loads.idle_server", pair.server_port)),
    ):
        # Most peers need two descriptors a connection: a limit of 20,000 then holds a little less than 10,000.
        return {f"memory_{count}": _per_connection(pair, min(count, most_connections(peer.descriptors)))}


def _per_connection(pair: Pair, count: int) -> float:
    before = pair.memory_kib()
    with contextlib.ExitStack() as clients:
        for index, first in enumerate(range(0, count, PER_CLIENT)):
            clients.enter_context(_idle(pair, min(PER_CLIENT, count - first), f"127.0.1.{index + 1}"))
        time.sleep(SETTLE)
        pair.check()
        return (pair.memory_kib() - before) / count


def _idle(pair: Pair, count: int, source: str) -> AbstractContextManager[PreparedLoad]:
    command = python("loads.idle_client", pair.port, count, source)
    return prepared(f"opening {count} connections", command, OPENING_TIMEOUT)


THOUSAND = Workload("memory", "memory of 1,000 idle connections", partial(_run, 1_000), once=True)
TEN_THOUSAND = Workload("memory10k", "memory of 10,000 idle connections", partial(_run, 10_000), once=True, slow=True)
