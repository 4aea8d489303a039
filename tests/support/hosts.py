"""Hosts of the tests' own: network namespaces on this machine, joined by cables, each with its own names and ports.

Needs root and `ip` (package iproute2). Traffic never leaves the namespaces.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.support.waiting import DEADLINE


def ip(*arguments: str) -> None:
    """Run an `ip` command."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Host:
    """A network namespace with its loopback up. Leaving the context ends what it runs and removes it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = f"wh{os.getpid()}{name}"
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        self._settings = Path("/etc/netns") / self.name

    def __enter__(self) -> Self:
        ip("netns", "add", self.name)
        self._settings.mkdir(parents=True)
        (self._settings / "hosts").write_text("127.0.0.1 localhost\n")
        ip("-n", self.name, "link", "set", "lo", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            end_group(process)
        ip("netns", "delete", self.name)
        shutil.rmtree(self._settings)

    def know(self, name: str, address: str) -> None:
        """Let this host resolve `name`."""
        with (self._settings / "hosts").open("a") as hosts:
            hosts.write(f"{address} {name}\n")

    def start(self, line: str, log: IO[str] | None = None) -> subprocess.Popen[str]:
        """Run a line of shell here; its standard error goes to `log`."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "sh", "-c", line],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def listens(self, port: int) -> bool:
        """Whether some process of this host listens on a TCP port."""
        query = ["ip", "netns", "exec", self.name, "ss", "-Hltn", f"sport = :{port}"]
        return bool(subprocess.run(query, check=True, capture_output=True).stdout)


def cable(one: Host, other: Host, network: str) -> tuple[str, str]:
    """Join two hosts by a cable of its own network, `network` being its first three numbers; returns their addresses."""
    ends = [(one, f"{network}.1", "to" + other.name[-8:]), (other, f"{network}.2", "to" + one.name[-8:])]
    (_, _, near), (_, _, far) = ends
    ip("link", "add", near, "netns", one.name, "type", "veth", "peer", "name", far, "netns", other.name)
    for host, address, device in ends:
        ip("-n", host.name, "address", "add", f"{address}/24", "dev", device)
        ip("-n", host.name, "link", "set", device, "up")
    return ends[0][1], ends[1][1]


def end_group(process: subprocess.Popen[str]) -> None:
    """End a process and its children, and close the pipes to it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
