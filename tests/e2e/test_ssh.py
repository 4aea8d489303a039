"""SSH through the tunnel: the server speaks first, and files go both ways."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeTunnel
from tests.support.services import Sshd, program, run
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE

SIZE = 50_000_000


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An SSH server."""
    with Sshd(tmp_path) as server:
        yield server


@pytest.fixture
def tunnel(sshd: Sshd, make_tunnel: MakeTunnel) -> Tunnel:
    """A tunnel to it."""
    return make_tunnel(sshd.address)


@pytest.fixture
def ssh(sshd: Sshd, tunnel: Tunnel) -> list[str]:
    """The start of a command line that runs something over there."""
    return [program("ssh"), *sshd.client_options(), "-p", str(tunnel.port), f"{getpass.getuser()}@127.0.0.1"]


def test_a_command_its_output_and_its_exit_code(ssh: list[str]) -> None:
    command = [*ssh, "tr a-z A-Z; exit 7"]
    done = subprocess.run(command, check=False, input=b"wormhole", capture_output=True, timeout=DEADLINE)
    assert (done.stdout, done.returncode) == (b"WORMHOLE", 7), done.stderr


def test_scp_there_and_back(sshd: Sshd, tunnel: Tunnel, tmp_path: Path) -> None:
    original, there, back = (tmp_path / name for name in ("original", "there", "back"))
    original.write_bytes(os.urandom(SIZE))
    scp = ["scp", "-q", *sshd.client_options(), "-P", str(tunnel.port)]
    run(*scp, original, f"{getpass.getuser()}@127.0.0.1:{there}")
    run(*scp, f"{getpass.getuser()}@127.0.0.1:{there}", back)
    assert there.read_bytes() == original.read_bytes()
    assert back.read_bytes() == original.read_bytes()


def test_a_port_forwarded_inside_of_the_tunnel(ssh: list[str], sshd: Sshd) -> None:
    """A second SSH connection, within the first."""
    inner = f"{program('ssh')} {' '.join(ssh[1:-1])} -W {sshd.host}:{sshd.port} {ssh[-1]}"
    command = [*ssh[:-1], "-o", f"ProxyCommand={inner}", ssh[-1], "echo through both"]
    assert run(*command) == "through both\n"
