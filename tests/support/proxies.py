"""The real commands as processes: start, wait until they listen, look at what they hold, end them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import DEADLINE, wait_until

COMMANDS = Path(sys.executable).parent


_ports = random.SystemRandom()
_reserved: deque[socket.socket] = deque()
_MOST_RESERVED = 64  # a test uses fewer


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on.

    Below those that the kernel gives to connections: none of these can take it before the proxy listens there. Nor can
    another run of the tests: the port stays bound for a while. On Linux a server can listen there all the same, as long
    as both allow SO_REUSEADDR and this one does not listen.
    """
    while True:
        port = _ports.randrange(10_000, 32_768)
        sock = socket.socket()
        with contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            _reserve(sock)
            return port
        sock.close()


def _reserve(sock: socket.socket) -> None:
    if sys.platform != "linux":
        sock.close()
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _reserved.append(sock)
    if len(_reserved) > _MOST_RESERVED:
        _reserved.popleft().close()


def make_key(folder: Path) -> Path:
    """Make a key with the real command and return its file."""
    key = folder / "key.yaml"
    subprocess.run([COMMANDS / "wormhole-keygen", "-k", key], check=True, capture_output=True)
    return key


def accepts(port: int) -> bool:
    """Whether someone listens on a port of 127.0.0.1."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def listens_at(address: str) -> bool:
    """Whether someone listens at an address: `127.0.0.1:port`, `[::1]:port` or `unix:/path`."""
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(address.removeprefix("unix:")) == 0
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET) as sock:
        return sock.connect_ex((host.strip("[]"), int(port))) == 0


class Proxy:
    """A `wormhole` process that listens on `port` of 127.0.0.1; its log is a file. Leaving the context ends it.

    `descriptors` is the most it may have open. `stderr` is a descriptor for its log instead of the file. `listen` is
    another address to listen at, as on the command line; `port` means nothing then.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *options: str,
        descriptors: int | None = None,
        stdin: int = subprocess.DEVNULL,
        stderr: int | None = None,
        listen: str | None = None,
    ) -> None:
        self.port = free_port()
        self.address = listen or f"127.0.0.1:{self.port}"
        self.log_file = folder / f"{name}.log"
        self._stdin = stdin
        self._stderr = stderr
        self._quiet = stderr is not None or any(option.startswith("--log") for option in options)
        self._command = [str(COMMANDS / "wormhole"), "-c", self.address, *options]
        if descriptors is not None:
            self._command = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(descriptors), *self._command]

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
            stderr = log if self._stderr is None else self._stderr
            # what a test leaves open is not to be waited for at its end
            environment = {"WORMHOLE_DRAIN_TIMEOUT": "0"} | os.environ
            self._process = subprocess.Popen(self._command, stderr=stderr, stdin=self._stdin, env=environment)
        try:
            wait_until(lambda: self._process.poll() is not None or self._listens(), "the proxy to listen")
            assert self._process.poll() is None, self.log
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def _listens(self) -> bool:
        """By its own word; where that may not be in the log, by a connection, which then is the first it carries."""
        return listens_at(self.address) if self._quiet else "listens on" in self.log

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        finally:
            self._process.kill()
            self._process.wait()

    def end(self, signal_number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        self.signal(signal_number)
        return self.exit_code()

    def signal(self, signal_number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(signal_number)

    def exit_code(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        return self._process.wait(DEADLINE)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until its log has that text, so many times."""
        wait_until(lambda: self.log.count(text) >= times, f"{text!r} in the log")

    def memory(self) -> int:
        """Its resident memory in bytes."""
        report = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], check=True, capture_output=True, text=True)
        return int(report.stdout) * 1024

    def descriptors(self) -> int:
        """How many descriptors it has open (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
