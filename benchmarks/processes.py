"""Starting, watching and ending processes; their processor time and memory, from /proc."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Self

from benchmarks.parsing import LoadError, ProcessStat, parse_listening_ports, parse_pss, parse_stat

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
START_DEADLINE = 10.0
STOP_DEADLINE = 5.0
POLL_INTERVAL = 0.01
WANTED_DESCRIPTORS = 65_536


class Processes:
    """A group of processes that ends with its `with` block; their output goes to files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._running]

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start `command` in a process group of its own; LoadError if it isn't installed."""
        with self.log(name).open("ab") as log:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY, process_group=0
                )
            except OSError as error:
                raise LoadError(f"{command[0]} can't be started: {error.strerror}") from error
        self._running.append(process)
        return process

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def check(self) -> None:
        """Raise LoadError, with the end of its log, if one of the processes has ended."""
        for process in self._running:
            if process.poll() is not None:
                raise LoadError(f"a process ended with code {process.returncode}: {self._last_words()}")

    def stop(self) -> None:
        """End every process and what it started, the latest first."""
        family = descendants(self.pids)
        for process in reversed(self._running):
            _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_DEADLINE
        for process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for pid in family:
            _signal(pid, signal.SIGKILL)
        for process in self._running:
            process.wait()
        self._running.clear()

    def _last_words(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()[-2:]]
        return " | ".join(lines)[:400]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def python(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module of the suite with this interpreter."""
    return [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]


def output_of(command: Sequence[str], timeout: float) -> str:
    """Run a load to its end and return its output; LoadError if it fails or takes longer than `timeout` seconds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=REPOSITORY, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"{Path(command[0]).name} took more than {timeout:.0f} s") from error
    # iperf3 reports a failure in its JSON, on standard output.
    if done.returncode != 0 and not done.stdout.startswith("{"):
        words = (done.stderr or done.stdout).strip().splitlines()
        raise LoadError(f"{Path(command[0]).name} ended with code {done.returncode}: {words[-1] if words else ''}")
    return done.stdout


def wait_until(condition: Callable[[], bool], what: str, timeout: float = START_DEADLINE) -> None:
    """Poll `condition` until it holds; LoadError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise LoadError(f"{what}: not within {timeout:.0f} s")
        time.sleep(POLL_INTERVAL)


def free_port() -> int:
    """Return a free loopback port below the range that outgoing connections take theirs from."""
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = SystemRandom().randrange(min(10_000, first_outgoing - 1), first_outgoing)
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind((LOOPBACK, port))
            return port


def is_listening(port: int) -> bool:
    """Tell whether a port is listened to, without connecting: some servers count each connection as a test."""
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    return any(port in parse_listening_ports(table.read_text()) for table in tables if table.exists())


def descendants(roots: Iterable[int]) -> list[int]:
    """Return `roots` and every process below them that is alive."""
    children: dict[int, list[int]] = {}
    for pid, stat in _all_stats():
        children.setdefault(stat.parent, []).append(pid)
    family, waiting = [], list(roots)
    while waiting:
        pid = waiting.pop()
        family.append(pid)
        waiting.extend(children.get(pid, ()))
    return family


def _all_stats() -> Iterable[tuple[int, ProcessStat]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                yield int(folder.name), parse_stat((folder / "stat").read_text())


def processor_seconds(roots: Iterable[int]) -> float:
    """Return the user and system time of `roots`, their children and their reaped children, in seconds."""
    ticks = sum(parse_stat(Path(f"/proc/{pid}/stat").read_text()).ticks for pid in descendants(roots))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_kib(roots: Iterable[int]) -> int:
    """Return the proportional set size of `roots` and their children together, in KiB."""
    return sum(parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in descendants(roots))


def raise_descriptor_limit() -> int:
    """Raise the limit that the processes inherit as far as allowed, up to 65,536; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (WANTED_DESCRIPTORS, max(hard, WANTED_DESCRIPTORS)))
        return WANTED_DESCRIPTORS
    soft = min(hard, WANTED_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
