"""The container's entry point as a process: its commands, its variables, and what it says to slips of the mounts."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.compiled import VERSION
from tests.support.proxies import free_port, listens_at
from tests.support.waiting import DEADLINE, wait_until
from wormhole_tunnel.cli.container import proxy_environment
from wormhole_tunnel.cli.container_key import KEY_FILE
from wormhole_tunnel.errors import AddressError, UsageError

ENTRY = (sys.executable, "-P", "-m", "wormhole_tunnel.cli.container")
BRIEF = {"WORMHOLE_DRAIN_TIMEOUT": "100ms"}  # for the connection that looks whether it listens
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("WORMHOLE_", "RUST_"))}


def container(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the entry point to its end."""
    return subprocess.run(
        [*ENTRY, *command], env=BARE | environ, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def start(*command: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*ENTRY, *command], env=BARE | environ, stderr=subprocess.PIPE, text=True)


def is_healthy(status: str) -> bool:
    return container("health", WORMHOLE_STATUS=status).returncode == 0


@pytest.fixture
def key(tmp_path: Path) -> str:
    file = tmp_path / "key.yaml"
    assert container("keygen", WORMHOLE_KEY_FILE=str(file)).returncode == 0
    return str(file)


# --- commands -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), ("help",)])
def test_help_names_every_command_and_variable(command: tuple[str, ...]) -> None:
    done = container(*command)
    assert done.returncode == 0
    for word in ("client-proxy", "server-proxy", "keygen", "health", "CONNECT_ADDR", "LISTEN_ADDR", "LOG_LEVEL"):
        assert word in done.stdout


def test_anything_else_is_executed_with_its_arguments_and_exit_code() -> None:
    done = container("sh", "-c", 'echo "$0" "$1" $PPID; exit 7', "a b", "c")
    assert (done.returncode, done.stdout) == (7, f"a b c {os.getpid()}\n")


def test_the_commands_of_the_distribution_are_found() -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert container("wormhole", "--version", PATH=path).stdout == f"wormhole {VERSION}\n"


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/etc/hostname", 126)])
def test_what_can_not_be_executed_is_one_line(command: str, code: int) -> None:
    done = container(command)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert command in done.stderr


# --- variables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {},
            {"WORMHOLE_CLIENT": "0.0.0.0:8081", "WORMHOLE_LOG": "wormhole=warn", "WORMHOLE_KEY_FILE": KEY_FILE},
        ),
        ({"LISTEN_ADDR": "[::]:1", "WORMHOLE_CLIENT": "[::]:2"}, {"WORMHOLE_CLIENT": "[::]:1"}),
        ({"WORMHOLE_CLIENT": "[::]:2"}, {"WORMHOLE_CLIENT": "[::]:2"}),
        ({"CONNECT_ADDR": "redis:6379"}, {"WORMHOLE_SERVER": "redis:6379"}),
        ({"LOG_LEVEL": "info,wormhole.net=debug"}, {"WORMHOLE_LOG": "info,wormhole.net=debug"}),
        ({"RUST_LOG": "debug"}, {"WORMHOLE_LOG": "debug"}),
        ({"LOG_LEVEL": "", "LISTEN_ADDR": ""}, {"WORMHOLE_LOG": "wormhole=warn", "WORMHOLE_CLIENT": "0.0.0.0:8081"}),
    ],
)
def test_variables_of_the_container_become_those_of_the_options(
    environ: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    assert expected.items() <= proxy_environment(environ).items()


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [("LISTEN_ADDR", "8081", AddressError), ("CONNECT_ADDR", "a:b", AddressError), ("LOG_LEVEL", "loud", UsageError)],
)
def test_a_variable_that_is_wrong_is_named(variable: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=variable):
        proxy_environment({variable: value})


@pytest.mark.parametrize("command", ["client-proxy", "server-proxy"])
def test_the_destination_must_be_given(command: str, key: str) -> None:
    done = container(command, WORMHOLE_KEY_FILE=key)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "CONNECT_ADDR is not set" in done.stderr


def test_a_configuration_file_is_for_the_command_itself(key: str) -> None:
    done = container("server-proxy", "--config", "tunnels.yaml", WORMHOLE_KEY_FILE=key)
    assert done.returncode == 2
    assert "wormhole --config" in done.stderr


# --- proxies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["client-proxy", "server-proxy"])
def test_a_proxy_runs_in_the_process_itself_and_ends_in_order(command: str, key: str, tmp_path: Path) -> None:
    address, status = f"127.0.0.1:{free_port()}", f"unix:{tmp_path / 'status.sock'}"
    environ = {"LISTEN_ADDR": address, "CONNECT_ADDR": "127.0.0.1:9", "WORMHOLE_KEY_FILE": key}
    with start(command, **environ, WORMHOLE_STATUS=status) as proxy:
        try:
            wait_until(lambda: is_healthy(status), "its health")
            assert not Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text()
            proxy.terminate()
            assert proxy.wait(DEADLINE) == 0
        finally:
            proxy.kill()
    assert not is_healthy(status)


def test_options_may_follow_the_command_and_win(key: str, tmp_path: Path) -> None:
    address, status = f"127.0.0.1:{free_port()}", f"unix:{tmp_path / 'status.sock'}"
    typed = f"unix:{tmp_path / 'typed.sock'}"
    environ = {"LISTEN_ADDR": "127.0.0.1:1", "CONNECT_ADDR": "127.0.0.1:9", "WORMHOLE_KEY_FILE": key, **BRIEF}
    with start("client-proxy", "-c", address, "--status", typed, **environ, WORMHOLE_STATUS=status) as proxy:
        try:
            wait_until(lambda: is_healthy(status) and is_healthy(typed), "both to answer")
            assert listens_at(address)
        finally:
            proxy.terminate()
            proxy.wait(DEADLINE)


def test_health_without_an_address_is_no_health() -> None:
    done = container("health")
    assert done.returncode == 2
    assert "WORMHOLE_STATUS" in done.stderr


# --- the key --------------------------------------------------------------------------------------------------------------


def test_keygen_writes_a_private_key(key: str) -> None:
    assert stat.S_IMODE(Path(key).stat().st_mode) == 0o600
    assert container("keygen", WORMHOLE_KEY_FILE=key).returncode == 7, "it never replaces one unasked"


def test_keygen_takes_the_options_of_wormhole_keygen() -> None:
    done = container("keygen", "-k", "-", "--name", "berlin")
    assert done.returncode == 0
    assert "name: berlin" in done.stdout


@pytest.mark.parametrize("command", ["keygen", "client-proxy", "server-proxy", "health"])
def test_each_command_has_help(command: str) -> None:
    done = container(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage:")


def test_without_a_mount_no_key_is_written() -> None:
    done = container("keygen")
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1)
    assert 'docker run --rm -v "$PWD:/etc/wormhole" wormhole keygen' in done.stderr


@pytest.mark.parametrize("mounted", [False, True])
def test_a_missing_key_says_how_to_make_one(mounted: bool, tmp_path: Path) -> None:
    more = {"WORMHOLE_KEY_FILE": str(tmp_path / "key.yaml")} if mounted else {}
    done = container("server-proxy", CONNECT_ADDR="127.0.0.1:9", **more)
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1)
    assert 'docker run --rm -v "$PWD:/etc/wormhole" wormhole keygen' in done.stderr
    assert ("mount the folder" in done.stderr) is not mounted


def test_a_folder_in_the_key_s_place_is_explained(tmp_path: Path) -> None:
    done = container("client-proxy", CONNECT_ADDR="127.0.0.1:9", WORMHOLE_KEY_FILE=str(tmp_path))
    assert done.returncode == 7
    assert "is a folder" in done.stderr
