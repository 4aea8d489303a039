"""The real commands as processes: start, wait until they listen, look at what they hold, end them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import DEADLINE, wait_until

COMMANDS = Path(sys.executable).parent


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def make_key(folder: Path) -> Path:
    """Make a key with the real command and return its file."""
    key = folder / "key.yaml"
    subprocess.run([COMMANDS / "wormhole-keygen", "-k", key], check=True, capture_output=True)
    return key


def accepts(port: int) -> bool:
    """Whether someone listens on a port of 127.0.0.1."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Proxy:
    """A `wormhole` process that listens on `port` of 127.0.0.1; its log is a file. Leaving the context ends it."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.port = free_port()
        self.log_file = folder / f"{name}.log"
        self._command = [str(COMMANDS / "wormhole"), "-c", f"127.0.0.1:{self.port}", *options]

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self.log_file.read_text()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        with self.log_file.open("w") as log:
            self._process = subprocess.Popen(self._command, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: self._process.poll() is not None or accepts(self.port), "the proxy to listen")
        assert self._process.poll() is None, self.log
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(DEADLINE)
        finally:
            self._process.kill()
            self._process.wait()

    def memory(self) -> int:
        """Its resident memory in bytes."""
        report = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], check=True, capture_output=True, text=True)
        return int(report.stdout) * 1024

    def descriptors(self) -> int:
        """How many descriptors it has open (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
