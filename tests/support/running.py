"""Any command as a process whose log is a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import DEADLINE


@contextmanager
def running(command: list[str], log: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose log is a file; its exit code is not looked at."""
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stderr=stderr, stdin=subprocess.DEVNULL, env=os.environ | environ)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()
