"""The command line of the suite."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks import machine, suite
from benchmarks.bars import judge
from benchmarks.peers.base import Peer
from benchmarks.peers.table import PEERS, missing_programs
from benchmarks.processes import REPOSITORY, raise_descriptor_limit
from benchmarks.report.plots import all_plots
from benchmarks.report.record import to_json
from benchmarks.report.table import failures_list, medians_table, verdicts_table
from benchmarks.workloads.base import FULL, QUICK, Plan, Workload
from benchmarks.workloads.table import WORKLOADS

T = TypeVar("T")

DEFAULT_OUTPUT = REPOSITORY / "build" / "benchmarks"
# Where distributions put servers, and where a user's PATH often doesn't look.
SYSTEM_FOLDERS = ":/usr/local/sbin:/usr/sbin"
BUSY_LOAD = 0.7
BAR_MISSED = 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure wormhole beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one round of short measurements: under three minutes")
    parser.add_argument("--only", metavar="WORKLOAD,...", default=",".join(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--peers", metavar="PEER,...", help=f"{', '.join(PEERS)} (without ssh if --quick)")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"rounds to take the medians of (default {FULL.rounds})"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=DEFAULT_OUTPUT, help="for results.json and the plots"
    )
    parser.add_argument("--check", action="store_true", help="exit with code 1 if a bar is missed")
    return parser


def _default_peers(*, quick: bool) -> str:
    """Every peer; `ssh`, which is no rival, only where there is time."""
    return ",".join(name for name in PEERS if not (quick and name == "ssh"))


def _chosen(names: str, table: Mapping[str, T], what: str) -> list[T]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in table]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(
            f"no {what} named {', '.join(unknown) or '(none)'}; choose of {', '.join(table)}"
        )
    return [entry for name, entry in table.items() if name in wanted]


def _require_programs(peers: Sequence[Peer], workloads: Sequence[Workload]) -> None:
    tables = [*(peer.programs for peer in peers), *(workload.programs for workload in workloads)]
    needed = {program: package for table in tables for program, package in table.items()}
    if missing := missing_programs(needed):
        raise argparse.ArgumentTypeError(
            f"not installed: {', '.join(missing)}; install them, or choose others with --peers and --only"
        )


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def _end_on_signal(_number: int, _frame: object) -> None:
    # An exception, so that every `with` block ends what it started.
    raise KeyboardInterrupt


def _report(results: suite.Results, plan: Plan, peers: Sequence[Peer], here: machine.Machine, out: Path) -> bool:
    medians, names, versions = results.medians(), [peer.name for peer in peers], machine.versions(peers)
    verdicts = judge(medians)
    print(f"\n{here.date}; {_summary(here)}; rounds: {plan.rounds}, each of {plan.seconds:g} s\n")
    print(medians_table(medians, names), end="\n\n")
    if verdicts:
        print(verdicts_table(verdicts), end="\n\n")
    if results.failures:
        print(failures_list(results.failures), end="\n\n")
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(to_json(here, plan, peers, versions, results, verdicts))
    foot = [f"{here.date[:10]}, {_summary(here)}", ", ".join(f"{name} {version}" for name, version in versions.items())]
    for name, document in all_plots(medians, names, verdicts, foot):
        (out / name).write_text(document)
    print(f"results.json and plots are in {out}")
    return all(verdict.met for verdict in verdicts)


def _summary(here: machine.Machine) -> str:
    return f"{here.processor}, {here.processors} processors, {here.system}, Python {here.python}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end_on_signal)
    os.environ["PATH"] += SYSTEM_FOLDERS
    try:
        workloads = _chosen(options.only, WORKLOADS, "workload")
        peers = _chosen(options.peers or _default_peers(quick=options.quick), PEERS, "peer")
        _require_programs(peers, workloads)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    plan = QUICK if options.quick else FULL
    if options.rounds is not None:
        plan = dataclasses.replace(plan, rounds=options.rounds)
    raise_descriptor_limit()
    here = machine.describe()
    if here.load > BUSY_LOAD:
        print(f"note: the machine is busy (load {here.load}): figures will be lower and vary", file=sys.stderr)
    begin = time.monotonic()
    try:
        results = suite.run(workloads, peers, plan, _progress)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    _progress(f"measured in {(time.monotonic() - begin) / 60:.1f} minutes\n")
    met = _report(results, plan, peers, here, options.out)
    return BAR_MISSED if options.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
