"""How the commands end: as told, or with one line that says what to do and an exit code of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.process.conftest import MakeTunnel
from tests.support.proxies import COMMANDS, Proxy
from tests.support.servers import connect, receive
from tests.support.waiting import DEADLINE

USAGE, KEY_FILE, ADDRESS, LISTEN = 2, 7, 4, 5
FORCED = 3


def failure(code: int, *arguments: str, stdin: str = "") -> str:
    """The one line on standard error of a `wormhole` that ends with that exit code."""
    command = [str(COMMANDS / "wormhole"), *arguments]
    done = subprocess.run(command, check=False, input=stdin, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stdout) == (code, "")
    lines = [line for line in done.stderr.splitlines() if line.startswith("wormhole: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    return lines[0]


def test_a_key_file_that_is_missing(tmp_path: Path) -> None:
    assert "wormhole-keygen -k " in failure(KEY_FILE, "-k", str(tmp_path / "key.yaml"))


def test_a_key_file_that_is_none_names_the_line_and_hides_what_it_says() -> None:
    line = failure(KEY_FILE, "-k", "-", stdin="key: c2VjcmV0\n")
    assert "standard input" in line
    assert "line 1" in line
    assert "c2VjcmV0" not in line


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["-c", "0.0.0.0 26379"], "0.0.0.0:26379"),
        (["-c", "0.0.0.0", "26379"], "0.0.0.0:26379"),
        (["-s", "2001:db8::a:b:c:d:e:80"], "[2001:db8::a:b:c:d:e]:80"),
        (["-s", "localhost"], "localhost:PORT"),
    ],
)
def test_an_address_that_is_none(arguments: list[str], advice: str) -> None:
    assert advice in failure(ADDRESS, *arguments)


def test_an_option_that_is_none() -> None:
    assert "--help" in failure(USAGE, "--colour")


def test_a_value_that_is_not_allowed() -> None:
    assert "--message-size" in failure(USAGE, "--message-size", "7")


@pytest.mark.parametrize("mode", [[], ["-S"]])
def test_a_port_in_use(mode: list[str], key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in failure(LISTEN, *mode, "-k", key, "-c", address)


def test_a_mistake_shows_its_trace_at_debug(tmp_path: Path) -> None:
    command = [str(COMMANDS / "wormhole"), "--log", "debug", "-k", str(tmp_path / "none")]
    done = subprocess.run(command, check=False, capture_output=True, timeout=DEADLINE)
    assert done.returncode == KEY_FILE
    assert b"Traceback" in done.stderr


def test_a_key_file_that_others_can_read_is_a_warning(tmp_path: Path, key: str) -> None:
    Path(key).chmod(0o644)
    with Proxy(tmp_path, "near", "-k", key) as proxy:
        proxy.wait_for(f"chmod 600 {key}")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_proxies_cleanly_with_clients_connected(
    make_tunnel: MakeTunnel, signal_number: signal.Signals
) -> None:
    tunnel = make_tunnel()
    with connect(tunnel.port) as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"
        assert [proxy.end(signal_number) for proxy in tunnel.proxies] == [FORCED, 0]
    for proxy in tunnel.proxies:
        assert "stopping" in proxy.log
        assert "Traceback" not in proxy.log
