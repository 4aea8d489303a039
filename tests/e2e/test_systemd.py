"""With the programs of systemd: sockets that it opened, and the units."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.proxies import COMMANDS, Proxy, free_port, make_key
from tests.support.running import running
from tests.support.servers import Server, echo, exchange
from tests.support.waiting import wait_until

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
WORMHOLE = str(COMMANDS / "wormhole")
OK = 50  # of --threshold, in tenths: exposure 5.0 is called "MEDIUM", anything below is "OK"


def test_sockets_come_by_name(tmp_path: Path) -> None:
    key = str(make_key(tmp_path))
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
