"""How long `wormhole --help` takes, beside the interpreter alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.peers.base import Peer
from benchmarks.peers.wormhole import WORMHOLE
from benchmarks.processes import output_of
from benchmarks.workloads.base import GRACE, Context, Figures, Workload

RUNS = 10


def _seconds(command: Sequence[str]) -> float:
    begin = time.monotonic()
    output_of(command, GRACE)
    return time.monotonic() - begin


def _run(_peer: Peer, _context: Context) -> Figures:
    commands = {"startup": [WORMHOLE, "--help"], "startup_python": [sys.executable, "-c", ""]}
    for command in commands.values():
        output_of(command, GRACE)
    times = [{key: _seconds(command) for key, command in commands.items()} for _ in range(RUNS)]
    return {key: median(run[key] for run in times) for key in commands}


WORKLOAD = Workload("startup", "start of the command", _run, peers=("wormhole",))
