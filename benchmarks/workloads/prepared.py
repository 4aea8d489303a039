"""A load in a process of its own that gets ready, says so, and begins when told: loads that belong together overlap."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
from collections.abc import Iterator, Sequence

from benchmarks.parsing import LoadError
from benchmarks.processes import REPOSITORY

READY_TIMEOUT = 20.0


class PreparedLoad:
    """A load that stands ready."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process = process
        self._name = name

    def wait_until_ready(self, timeout: float) -> None:
        """Wait for its first line; LoadError if the load ends, or takes more than `timeout` seconds."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise LoadError(f"{self._name} was not ready within {timeout:.0f} s")
        if not self._process.stdout.readline():
            raise self._failure()

    def go(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self, timeout: float) -> dict[str, float]:
        """Wait until it has ended and return its figures; LoadError if it failed or takes more than `timeout` seconds."""
        try:
            output, _ = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"{self._name} took more than {timeout:.0f} s") from error
        if self._process.returncode != 0:
            raise self._failure(output)
        figures: dict[str, float] = json.loads(output)
        return figures

    def _failure(self, output: str = "") -> LoadError:
        if self._process.stderr is not None and not self._process.stderr.closed:
            output += self._process.stderr.read()
        words = output.strip().splitlines()
        return LoadError(f"{self._name} failed: {words[-1] if words else 'no reason given'}")


@contextlib.contextmanager
def prepared(name: str, command: Sequence[str], timeout: float = READY_TIMEOUT) -> Iterator[PreparedLoad]:
    """Start a load and give it when it's ready; its process ends with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=REPOSITORY) as process:
        try:
            load = PreparedLoad(process, name)
            load.wait_until_ready(timeout)
            yield load
        finally:
            process.kill()
