"""A `wormhole` process whose tunnels are described by a configuration file."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.proxies import COMMANDS
from tests.support.waiting import DEADLINE, wait_until


class Configured:
    """Runs `wormhole --config` with this text, once for each tunnel it lists; leaving the context ends it."""

    def __init__(self, folder: Path, text: str, *options: str, name: str = "wormhole", tunnels: int = 1) -> None:
        self.file = folder / f"{name}.yaml"
        self.file.write_text(text)
        self.log_file = folder / f"{name}.log"
        self._options = options
        self._tunnels = tunnels

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self.log_file.read_text()

    def __enter__(self) -> Self:
        command = [str(COMMANDS / "wormhole"), "--config", str(self.file), *self._options]
        with self.log_file.open("w") as log:
            self._process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: self._ended() or self.log.count("listens on") == self._tunnels, "the proxies to listen")
        assert not self._ended(), self.log
        return self

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def reload(self, text: str) -> str:
        """Change the file, say so by SIGHUP, and wait for the end of the reload; what it logs."""
        self.file.write_text(text)
        before = len(self.log)
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log.count("read again", before) == self._tunnels, "the end of the reload")
        return self.log[before:]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(DEADLINE)
        finally:
            self._process.kill()
            self._process.wait()
