"""systemd: sockets that it opened, what it is told, and the units."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.proxies import COMMANDS, Proxy, free_port
from tests.support.servers import Server, echo, exchange
from tests.support.waiting import DEADLINE, wait_until

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
WORMHOLE = str(COMMANDS / "wormhole")
OK = 50  # of --threshold, in tenths: exposure 5.0 is called "MEDIUM", anything below is "OK"


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


def test_sockets_come_by_name(tmp_path: Path, key: str) -> None:
    one, two, log = free_port(), free_port(), tmp_path / "client.log"
    with (
        Server(echo) as server,
        Proxy(tmp_path, "server", "-S", "-s", f"127.0.0.1:{server.port}", "-k", key) as gateway,
    ):
        activate = ["systemd-socket-activate", "-l", f"127.0.0.1:{one}", "-l", f"127.0.0.1:{two}"]
        command = [WORMHOLE, "-c", "systemd:near,systemd:far", "-s", gateway.address, "-k", key, "--drain-timeout", "0"]
        with running([*activate, "--fdname=near:far", *command], log):
            wait_until(lambda: log.read_text().count("Listening on") == 2, "the sockets")
            assert exchange(one, b"near") == b"near"
            assert exchange(two, b"far") == b"far"


def test_a_name_that_was_not_passed(key: str) -> None:
    command = [WORMHOLE, "-c", "systemd:other", "-k", key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "systemd passed no socket of that name (none at all)" in done.stderr


def test_states_are_told(tmp_path: Path, key: str) -> None:
    log, path = tmp_path / "client.log", tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(DEADLINE)
        command = [WORMHOLE, "-c", ":0", "-s", "127.0.0.1:9", "-k", key]
        with running(command, log, NOTIFY_SOCKET=str(path), WATCHDOG_USEC="100000") as process:
            assert manager.recv(100) == b"READY=1"
            assert "listens on" in log.read_text()
            for _ in range(3):
                assert manager.recv(100) == b"WATCHDOG=1"
            process.send_signal(signal.SIGHUP)
            reloading = next_state(manager)
            assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert next_state(manager) == "READY=1"
            process.terminate()
            assert next_state(manager) == "STOPPING=1"
            assert process.wait(DEADLINE) == 0


def next_state(manager: socket.socket) -> str:
    """The next that is not a sign of life."""
    while (state := manager.recv(100).decode()) == "WATCHDOG=1":
        pass
    return state


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units as instances, with the command where it is on this machine."""
    copies = []
    for unit in sorted(UNITS.iterdir()):
        copy = tmp_path / unit.name.replace("@.", "@redis.")
        copy.write_text(unit.read_text().replace("/usr/local/bin/wormhole", WORMHOLE))
        copies.append(str(copy))
    return copies


def test_the_units_are_correct(units: list[str]) -> None:
    assert len(units) == 3
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_expose_little(units: list[str]) -> None:
    services = [unit for unit in units if unit.endswith(".service")]
    for service in services:
        command = ["systemd-analyze", "security", "--offline=true", f"--threshold={OK}", service]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(services) == 2


def test_stopping_takes_longer_than_draining() -> None:
    for unit in UNITS.glob("*.service"):
        [line] = [line for line in unit.read_text().splitlines() if line.startswith("TimeoutStopSec=")]
        assert int(line.partition("=")[2]) > 25 + 5
