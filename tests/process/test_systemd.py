"""What systemd is told, and the sockets it should have passed."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

from tests.support.proxies import COMMANDS
from tests.support.running import running
from tests.support.waiting import DEADLINE, wait_until

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
WORMHOLE = str(COMMANDS / "wormhole")
OK = 50  # of --threshold, in tenths: exposure 5.0 is called "MEDIUM", anything below is "OK"


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
            wait_until(lambda: "listens on" in log.read_text(), "the log's first line")
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
