"""`--status` and `--quiet` of the real command, and `wormhole top` beside it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.conftest import MakeTunnel
from tests.support.proxies import COMMANDS, Proxy
from tests.support.servers import echo, exchange
from tests.support.status import ANY_PORT, status_of
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE
from tests.unit.test_docs import OPERATIONS, table
from wormhole_tunnel.cli.status_client import fetch
from wormhole_tunnel.net.addresses import UnixAddress

OK, UNAUTHORIZED, USAGE, INTERRUPTED = 200, 401, 2, 130
ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
TOKEN = "0123456789abcdef0123"
PATIENT = ("--drain-timeout", "1m")  # the connection that has found the proxy listening may still be open
WITHOUT_AIOHTTP = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: None if name == "aiohttp" else find(name, path, target)
from wormhole_tunnel.cli.main import main
sys.exit(main())
"""


def get(proxy: Proxy, path: str) -> str:
    status, body = fetch(status_of(proxy), path, "", DEADLINE)
    assert status == OK, body
    return body.decode()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMANDS / "wormhole", *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def test_both_commands_serve_their_status(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, *ANY_PORT)
    assert exchange(tunnel.port, b"hello") == b"hello"
    for proxy, role in ((tunnel.client, "client"), (tunnel.server, "server")):
        assert get(proxy, "/healthz") == "alive\n"
        assert get(proxy, "/readyz") == "ready\n"
        [shown] = json.loads(get(proxy, "/status.json"))["proxies"]
        assert (shown["role"], shown["totals"]["to_server_bytes"]) == (role, 5)
        assert "<title>wormhole</title>" in get(proxy, "/")
        metrics = get(proxy, "/metrics")
        assert "process_cpu_seconds_total" in metrics
        assert re.search(r'wormhole_connection_bytes_total\{direction="to_client",[^}]*\} 5\.0', metrics)


def test_what_is_no_request_costs_no_traceback(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, *ANY_PORT)
    port = int(str(status_of(tunnel.client)).rpartition(":")[2])
    for nonsense in (b"\x16\x03\x01" + bytes(50), b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"SSH-2.0-x\r\n"):
        exchange(port, nonsense)
    assert get(tunnel.client, "/healthz") == "alive\n"
    assert "Traceback" not in tunnel.client.log


def test_a_unix_socket_with_a_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    path = tmp_path / "status"
    options = ("--status", f"unix:{path}", "--status-token-file", str(token))
    with Tunnel(tmp_path, "127.0.0.1:1", client=options) as tunnel:
        tunnel.client.wait_for("status at ")
        assert fetch(UnixAddress(str(path)), "/status.json", "", DEADLINE)[0] == UNAUTHORIZED
        assert fetch(UnixAddress(str(path)), "/status.json", TOKEN, DEADLINE)[0] == OK
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "status.example:80"])
def test_an_address_that_others_reach_needs_a_token(address: str) -> None:
    ended = run("--status", address)
    assert ended.returncode == USAGE
    assert "give --status-token-file, or a loopback address" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_without_its_libraries_the_option_names_the_extra(key: str) -> None:
    command = [sys.executable, "-c", WITHOUT_AIOHTTP, "-k", key, "--status", ":0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert ended.returncode == USAGE
    assert ended.stderr.endswith("--status needs aiohttp: install wormhole-tunnel[status]\n")
    assert ended.stderr.count("\n") == 1


def test_a_status_address_in_use_is_one_line(make_tunnel: MakeTunnel, key: str) -> None:
    taken = status_of(make_tunnel(echo, *ANY_PORT).client)
    ended = run("-k", key, "-c", ":0", "--status", str(taken), "--log", "off")
    assert ended.returncode == 5
    assert "is in use by another process" in ended.stderr
    assert ended.stderr.count("\n") == 1


# --- top ----------------------------------------------------------------------------------------------------------------


def test_top_prints_a_table_for_several_proxies(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, *ANY_PORT)
    assert exchange(tunnel.port, b"hello") == b"hello"
    shown = run("top", "--once", *(str(status_of(proxy)) for proxy in tunnel.proxies))
    assert shown.returncode == 0
    assert f"client proxy 127.0.0.1:{tunnel.port} → {tunnel.server.address} ready" in shown.stdout
    assert f"server proxy {tunnel.server.address}" in shown.stdout
    assert shown.stdout.count("5 B in all") == 4
    assert re.search(r"PEER +STATE +FOR +ROUND TRIP", shown.stdout)


def test_top_as_json_is_the_status_document(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, *ANY_PORT)
    address = status_of(tunnel.server)
    [look] = json.loads(run("top", "--json", str(address)).stdout)
    assert (look["address"], look["error"]) == (str(address), "")
    assert look["status"]["proxies"][0]["role"] == "server"


def test_top_draws_until_it_is_interrupted_and_leaves_the_terminal_as_it_was(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, *ANY_PORT)
    near, far = pty.openpty()
    command = [str(COMMANDS / "wormhole"), "top", str(status_of(tunnel.client)), "--interval", "0.2"]
    with subprocess.Popen(command, stdin=far, stdout=far, stderr=far, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(far)
        drawn = b""
        while drawn.count(b"ROUND TRIP") < 2:
            drawn += os.read(near, 1 << 16)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # a terminal that nobody has open any more
            while data := os.read(near, 1 << 16):
                drawn += data
    os.close(near)
    assert process.returncode == INTERRUPTED
    assert drawn.index(ENTER_SCREEN) < drawn.index(b"ROUND TRIP") < drawn.index(LEAVE_SCREEN)
    assert b"Traceback" not in drawn


def test_top_says_which_proxy_does_not_answer(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, *ANY_PORT)
    shown = run("top", "--once", str(status_of(tunnel.client)), "127.0.0.1:1", str(tunnel.server.address))
    assert shown.returncode == 1
    assert "can't reach the status at 127.0.0.1:1: Connection refused" in shown.stdout
    assert "client proxy" in shown.stdout


def test_top_without_an_address_says_what_to_type() -> None:
    ended = run("top")
    assert ended.returncode == USAGE
    assert "wormhole top :9090" in ended.stderr


# --- logs ---------------------------------------------------------------------------------------------------------------


def events(proxy: Proxy) -> list[str]:
    return [json.loads(line)["event"] for line in proxy.log.splitlines()]


def test_quiet_classes_are_left_out_and_nothing_else(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, "--log-format", "json", "--quiet", "conns,conn-errors", *PATIENT)
    assert exchange(tunnel.port, b"hello") == b"hello"
    assert tunnel.client.end() == 0
    assert "link_up" in events(tunnel.client)
    assert not [event for event in events(tunnel.client) if event.startswith("connection_")]


def test_each_event_is_one_line_with_documented_fields(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, "--log-format", "json", "--log", "trace", *PATIENT)
    assert exchange(tunnel.port, b"hello") == b"hello"
    assert tunnel.client.end() == 0
    documented = {name for row in table(OPERATIONS, "field") for name in re.findall(r"`(\w+)`", row[0])}
    always = {"time", "level", "logger", "event", "message"}
    lines = [json.loads(line) for proxy in tunnel.proxies for line in proxy.log.splitlines()]
    assert {"started", "connection_opened", "connection_closed", "record_sealed"} <= {line["event"] for line in lines}
    for line in lines:
        assert always <= line.keys()
        assert line.keys() - always - {"traceback"} <= documented, line
