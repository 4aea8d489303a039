"""Where wormhole's time goes in a workload: a flame graph of each of its two proxies.

    python -m benchmarks.profile WORKLOAD [--seconds N] [--native] [--out DIR]

Needs py-spy (`pip install py-spy`), which samples from outside: the proxies run as they always do.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.credentials import make_credentials
from benchmarks.parsing import LoadError
from benchmarks.peers.wormhole import PEER, WORMHOLE
from benchmarks.processes import REPOSITORY, descendants, raise_descriptor_limit, wait_until
from benchmarks.workloads.base import FULL, Context, Workload
from benchmarks.workloads.table import WORKLOADS

DEFAULT_OUTPUT = REPOSITORY / "build" / "profiles"
SAMPLES_A_SECOND = "250"
# The recorders end with the proxies; this only bounds a run that hangs.
LONGEST = "600"


def _py_spy() -> str:
    beside_python = Path(sys.executable).parent / "py-spy"
    found = str(beside_python) if beside_python.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("py-spy is not installed: pip install py-spy")
    return found


def _proxies() -> dict[str, int]:
    """Return the process id of each wormhole proxy below this process, by its side."""
    found: dict[str, int] = {}
    for pid in descendants([os.getpid()]):
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if WORMHOLE in arguments[:2]:
                found["server" if "-S" in arguments else "client"] = pid
    return found


def _record(py_spy: str, pid: int, svg: Path, *, native: bool) -> subprocess.Popen[bytes]:
    command = [py_spy, "record", "--pid", str(pid), "--output", str(svg), "--duration", LONGEST]
    command += ["--rate", SAMPLES_A_SECOND, *(["--native"] if native else [])]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def _in_background(workload: Workload, context: Context) -> Iterator[threading.Thread]:
    def run() -> None:
        try:
            print(workload.run(PEER, context))
        except LoadError as error:
            print(f"failed: {error}", file=sys.stderr)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile one workload and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="Flame graphs of both proxies.")
    parser.add_argument("workload", choices=[name for name in WORKLOADS if name != "startup"])
    parser.add_argument("--seconds", type=float, default=FULL.seconds, help="length of each measurement (default 3)")
    parser.add_argument("--native", action="store_true", help="show the frames of C code too (slower)")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUTPUT, help="folder for the flame graphs")
    options = parser.parse_args(arguments)
    py_spy = _py_spy()
    options.out.mkdir(parents=True, exist_ok=True)
    raise_descriptor_limit()
    plan = dataclasses.replace(FULL, seconds=options.seconds, path_seconds=options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(make_credentials(Path(folder)), plan)
        with _in_background(WORKLOADS[options.workload], context) as thread:
            wait_until(lambda: len(_proxies()) == 2 or not thread.is_alive(), "both proxies run")
            files = {side: options.out / f"{options.workload}-{side}.svg" for side in _proxies()}
            recorders = [_record(py_spy, pid, files[side], native=options.native) for side, pid in _proxies().items()]
        for recorder in recorders:
            recorder.wait()
    print("\n".join(str(file) for file in files.values() if file.exists()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
