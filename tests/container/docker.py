"""Containers of the image `wormhole`, on the engine that DOCKER_HOST names (tools/container_stage.py starts one)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import wait_until

IMAGE = "wormhole"
BASE = "python:3.13-slim"
WITHIN = 60.0  # seconds


def docker(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of docker's to its end."""
    return subprocess.run(["docker", *arguments], cwd=cwd, capture_output=True, text=True, timeout=WITHIN, check=False)


def once(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a container to its end, with these options and what follows the image's name after `--`."""
    options, command = split(arguments)
    return docker("run", "--rm", "--network", "host", *options, IMAGE, *command)


def split(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands before and after `--`."""
    if "--" not in arguments:
        return arguments, ()
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def inspect(name: str) -> dict[str, Any]:
    """What docker knows of an image or a container."""
    done = docker("inspect", name)
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


class Container:
    """A container that runs until its context is left; `variables` go to its environment."""

    def __init__(self, command: str, folder: Path, *options: str, **variables: str) -> None:
        given = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        mount = ("--volume", f"{folder}:/etc/wormhole:ro")
        self._command = ["run", "--detach", "--network", "host", *mount, *given, *options, IMAGE, command]

    def __enter__(self) -> Self:
        done = docker(*self._command)
        assert done.returncode == 0, done.stderr
        self.id = done.stdout.strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        docker("rm", "--force", "--volumes", self.id)

    @property
    def log(self) -> str:
        """All that it has written to standard error."""
        return docker("logs", self.id).stderr

    @property
    def health(self) -> str:
        """What its health check has found: starting, healthy or unhealthy."""
        return str(inspect(self.id)["State"]["Health"]["Status"])

    def wait_until_healthy(self) -> None:
        """Wait for the health check's first good word."""
        wait_until(lambda: self.health == "healthy", f"a healthy container; {self.log}")

    def terminate(self) -> None:
        """Send SIGTERM to its first process, as `docker stop` does."""
        assert docker("kill", "--signal", "TERM", self.id).returncode == 0

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return int(docker("wait", self.id).stdout)
