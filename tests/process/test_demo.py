"""`wormhole demo`: into a pipe, on a terminal, interrupted, and with something going wrong."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.proxies import COMMANDS
from tests.support.waiting import DEADLINE, wait_until

DEMO = [str(COMMANDS / "wormhole"), "demo", "--megabytes", "10"]
COLUMNS = 80
SECTIONS = ("1. A key", "2. Three clients", "3. A client sends 10 MB", "4. The same again", "5. How fast")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which the demonstration's folder is found again."""
    return {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TMPDIR": str(folder)} | more


def processes(folder: Path) -> list[int]:
    """The proxies of the demonstration that keeps its key in that folder."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], check=True, capture_output=True, text=True)
    lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, command in lines if f"-k {folder}/" in command]


def assert_nothing_is_left(folder: Path) -> None:
    assert processes(folder) == []
    assert list(folder.iterdir()) == []


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A demonstration into a pipe, in its own process group, once both proxies run."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*DEMO[:-1], "5000"], env=environment(folder), stdout=pipe, stderr=pipe, text=True, process_group=0
    ) as demo:
        try:
            wait_until(lambda: len(processes(folder)) == 2, "both proxies to run")
            yield demo
        finally:
            demo.terminate()  # a no-op by now, unless the test has failed


def test_into_a_pipe_it_writes_plain_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        DEMO, env=environment(tmp_path), check=False, capture_output=True, text=True, timeout=3 * DEADLINE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for section in SECTIONS for line in done.stdout.splitlines() if line.startswith(section)]
    assert not ESCAPE.search(done.stdout)
    assert "\r" not in done.stdout
    assert done.stdout.count("SET ada:pin 271828") == 2
    assert_nothing_is_left(tmp_path)


def on_a_terminal(folder: Path) -> str:
    """What a demonstration writes to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    variables = environment(folder, TERM="xterm-256color", LC_ALL="C.UTF-8")
    with subprocess.Popen(DEMO, env=variables, stdin=theirs, stdout=theirs, stderr=theirs) as demo:
        os.close(theirs)
        written = b""
        try:
            while data := os.read(ours, 1 << 16):
                written += data
        except OSError:  # Linux's way to say that the other end is closed
            pass
        os.close(ours)
        assert demo.wait(DEADLINE) == 0, written.decode()
    return written.decode()


def test_on_a_terminal_it_draws_within_its_width(tmp_path: Path) -> None:
    written = on_a_terminal(tmp_path)
    assert COLOUR.search(written)
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l"), "the cursor stays hidden"
    shown = ESCAPE.sub("", written)
    for section in SECTIONS:
        assert section in shown
    assert "╭" in shown
    assert "link down" in shown
    lines = [line.rsplit("\r", 1)[-1] for line in shown.replace("\r\n", "\n").split("\n")]
    assert max(map(len, lines)) <= COLUMNS
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_nothing_behind(tmp_path: Path, signal_number: signal.Signals) -> None:
    with running(tmp_path) as demo:
        demo.send_signal(signal_number)
        _, errors = demo.communicate(timeout=DEADLINE)
        assert demo.returncode == 130
        assert "Traceback" not in errors
        assert_nothing_is_left(tmp_path)


def test_a_proxy_that_dies_is_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        os.kill(processes(tmp_path)[0], signal.SIGKILL)
        _, errors = demo.communicate(timeout=DEADLINE)
        assert demo.returncode == 1
        assert len(errors.splitlines()) == 1
        assert errors.startswith("wormhole: ")
        assert_nothing_is_left(tmp_path)
