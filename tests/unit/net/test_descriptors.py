"""What happens when a process has no descriptor left."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.net.conftest import LOOPS
from tests.unit.net.few_descriptors import ROOM

ROOT = Path(__file__).resolve().parents[3]


class Process:
    """A running `few_descriptors`, which first says its address."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self._popen = popen
        host, _, port = self.read().rpartition(":")
        self.address = (host, int(port))

    def tell(self, command: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{command}\n")
        self._popen.stdin.flush()

    def read(self) -> str:
        assert self._popen.stdout is not None
        return self._popen.stdout.readline().strip()


@pytest.fixture(params=list(LOOPS))
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    command = [sys.executable, "-m", "tests.unit.net.few_descriptors", request.param]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT
    ) as popen:
        yield Process(popen)
        popen.communicate("end\n")
        assert popen.returncode == 0


def test_the_listener_rests_says_so_once_and_recovers(process: Process) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2 * ROOM):
            stack.enter_context(socket.create_connection(process.address))
        assert [process.read() for _ in range(ROOM + 1)] == ["accepted"] * ROOM + ["log accept_paused"]
        process.tell("rest")
        assert process.read() == "rested", "it tried again, in silence"
        process.tell("close")
        lines = [process.read() for _ in range(ROOM + 1)]
        # the queue is taken at once, or in two turns if a full table is met again
        assert Counter(lines)["accepted"] >= ROOM - 1
        assert "log accept_resumed" in lines


def test_a_pause_while_it_rests_is_no_end(process: Process) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(ROOM):
            stack.enter_context(socket.create_connection(process.address))
        assert [process.read() for _ in range(ROOM + 1)] == ["accepted"] * ROOM + ["log accept_paused"]
        process.tell("pause")
        process.tell("rest")
        assert process.read() == "rested"
        process.tell("close")
        process.tell("resume")
        stack.enter_context(socket.create_connection(process.address))
        assert {process.read(), process.read()} == {"log accept_resumed", "accepted"}


def test_a_dial_says_that_it_is_this_process_that_lacks_something(process: Process) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(ROOM):
            stack.enter_context(socket.create_connection(process.address))
            assert process.read() == "accepted"
        process.tell("dial")
        assert "dial limit" in (process.read(), process.read())  # the listener may say that it met the limit as well


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(soft, 256)
    code = (
        "import resource; from wormhole_tunnel.net.listen import raise_descriptor_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({low}, {hard}))\n"
        "print(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    returned, now_soft, now_hard = map(int, done.stdout.split())
    assert returned == now_soft > low
    assert now_hard == hard
