"""As whom a proxy runs, and who may look into it. Becoming another user takes root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.support.proxies import COMMANDS, free_port, make_key
from tests.support.servers import Server, echo, exchange
from tests.support.tunnel import Tunnel
from tests.support.waiting import wait_until

NOBODY = pwd.getpwnam("nobody")


def status_of(pid: int, field: str) -> list[str]:
    """A line of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{field}:")).split()[1:]


def runs_as_nobody(pid: int) -> bool:
    return status_of(pid, "Uid") == [str(NOBODY.pw_uid)] * 4


@pytest.fixture
def shared_key(tmp_path: Path) -> Path:
    """A key that the user nobody may read, in a folder it may enter."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o011)
    key = make_key(tmp_path)
    shutil.chown(key, NOBODY.pw_uid)
    return key


def test_another_user_serves_on(tmp_path: Path, shared_key: Path) -> None:
    options = ("--user", "nobody", "-k", str(shared_key))
    with Server(echo) as server, Tunnel(tmp_path, f"127.0.0.1:{server.port}", both=options) as tunnel:
        for proxy in tunnel.proxies:
            wait_until(partial(runs_as_nobody, proxy.pid), "the other user")
            assert status_of(proxy.pid, "Gid") == [str(NOBODY.pw_gid)] * 4
            assert status_of(proxy.pid, "CapEff") == ["0" * 16]
            assert Path(f"/proc/{proxy.pid}/mem").stat().st_uid == 0, "not dumpable: the user itself has no access"
        assert exchange(tunnel.port, b"hello") == b"hello"


def test_a_key_that_the_user_cannot_read_is_said_at_the_start(tmp_path: Path) -> None:
    key = str(make_key(tmp_path))
    command = [str(COMMANDS / "wormhole"), "-c", f":{free_port()}", "-k", key, "--user", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "the user nobody can't read it" in done.stderr
