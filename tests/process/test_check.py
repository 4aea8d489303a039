"""`wormhole check` against everything that can be at the other end, each found by its own exit code."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.process.conftest import MakeTunnel
from tests.support.proxies import COMMANDS, Proxy, free_port, make_key
from tests.support.servers import Server, connect, echo, receive
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE
from wormhole_tunnel.cli.check.outcome import MEANINGS, Outcome
from wormhole_tunnel.limits import MAX_SKEW, MESSAGE2_SIZE

SHIFTED_CLOCK = """
import sys
from wormhole_tunnel.net import clock
right = clock.unix_ms
clock.unix_ms = lambda: right() + SHIFT
from wormhole_tunnel.cli.main import main
sys.exit(main())
"""


def check(*arguments: str, **environment: str) -> tuple[Outcome, str]:
    """What `wormhole check` finds, by its exit code, and what it prints."""
    command = [str(COMMANDS / "wormhole"), "check", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=DEADLINE, check=False, env=os.environ | environment
    )
    assert not ended.stderr, ended.stderr
    [outcome] = [outcome for outcome, meaning in MEANINGS.items() if meaning.code == ended.returncode]
    assert MEANINGS[outcome].advice in ended.stdout
    return outcome, ended.stdout


@pytest.fixture
def served(tmp_path: Path, key: str) -> Iterator[Proxy]:
    """A server proxy with an echo server behind it."""
    with Server(echo) as server, Proxy(tmp_path, "server", "-S", "-s", f"127.0.0.1:{server.port}", "-k", key) as proxy:
        yield proxy


def test_all_is_well(served: Proxy, key: str) -> None:
    outcome, text = check("-s", served.address, "-k", key)
    assert outcome is Outcome.OK
    for step in ("connected in", "handshake in", "round trip", "the server behind it connected in"):
        assert step in text


def test_the_environment_s_options_count_and_its_mode_does_not(served: Proxy, key: str) -> None:
    environment = {"WORMHOLE_SERVER": served.address, "WORMHOLE_KEY_FILE": key, "WORMHOLE_SERVER_PROXY": "true"}
    assert check(**environment)[0] is Outcome.OK


def test_a_name_that_is_not_there(key: str) -> None:
    assert check("-s", "nobody.invalid:1", "-k", key)[0] is Outcome.NAME


def test_a_port_that_nobody_listens_on(key: str) -> None:
    assert check("-s", f"127.0.0.1:{free_port()}", "-k", key)[0] is Outcome.CLOSED


def test_a_port_that_does_not_answer(key: str) -> None:
    """A full queue of connections: the kernel drops what comes further, as a firewall would."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(full.getsockname())
        outcome, text = check("-s", f"127.0.0.1:{full.getsockname()[1]}", "-k", key, "--timeout", "1s")
        for each in waiting:
            each.close()
    assert outcome is Outcome.FILTERED
    assert "no answer within 1 s" in text


def say(first: bytes) -> Callable[[socket.socket], None]:
    def handler(sock: socket.socket) -> None:
        sock.sendall(first)
        while sock.recv(1 << 16):
            pass

    return handler


@pytest.mark.parametrize(
    ("first", "who"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "an SSH server (OpenSSH_9.2p1 Debian)"),
        (b"220 mail.example ESMTP\r\n", "a mail or FTP server (mail.example ESMTP)"),
        (b"-ERR Protocol error\r\n", "a Redis server (Protocol error)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "a TLS server"),
    ],
)
def test_something_else_that_speaks(key: str, first: bytes, who: str) -> None:
    with Server(say(first)) as other:
        outcome, text = check("-s", f"127.0.0.1:{other.port}", "-k", key)
    assert outcome is Outcome.OTHER
    assert f"{who} answers there" in text


def test_a_terminal_is_safe_from_what_answers(key: str) -> None:
    with Server(say(b"SSH-2.0-\x1b[2J\x07evil\r\n")) as other:
        assert "\x1b" not in check("-s", f"127.0.0.1:{other.port}", "-k", key)[1]


class QuietHandler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http_server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), QuietHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_real_http_server(key: str) -> None:
    with http_server() as port:
        outcome, text = check("-s", f"127.0.0.1:{port}", "-k", key)
    assert outcome is Outcome.OTHER
    assert "an HTTP server answers there" in text


def mute_unless_tls(sock: socket.socket) -> None:
    """As a TLS server that closes without a word on anything but a hello."""
    if sock.recv(3) == b"\x16\x03\x01":
        sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")


def test_a_tls_server_that_is_silent_to_a_handshake(key: str) -> None:
    with Server(mute_unless_tls) as other:
        outcome, text = check("-s", f"127.0.0.1:{other.port}", "-k", key)
    assert outcome is Outcome.OTHER
    assert "a TLS server answers there" in text


def test_another_key_is_met_with_silence(served: Proxy, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    outcome, text = check("-s", served.address, "-k", str(make_key(other)), "--timeout", "1s")
    assert outcome is Outcome.SILENCE
    assert "sha256sum" in text
    served.wait_for("of no key here")


def test_an_answer_that_was_not_made_with_the_key(key: str) -> None:
    with Server(say(bytes(MESSAGE2_SIZE))) as forger:
        assert check("-s", f"127.0.0.1:{forger.port}", "-k", key)[0] is Outcome.FORGED


@pytest.mark.parametrize("seconds", [-2 * MAX_SKEW, 2 * MAX_SKEW])
def test_a_clock_that_is_off(key: str, seconds: float) -> None:
    program = SHIFTED_CLOCK.replace("SHIFT", str(int(seconds * 1000)))
    port = free_port()
    command = [sys.executable, "-c", program, "-S", "-c", f"127.0.0.1:{port}", "-k", key]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert b"listens on" in process.stderr.readline()
        outcome, text = check("-s", f"127.0.0.1:{port}", "-k", key, "--json")
        process.terminate()
    assert outcome is Outcome.CLOCK
    assert json.loads(text)["findings"][0]["clock_offset_seconds"] == pytest.approx(seconds, abs=DEADLINE)


def test_a_framing_that_is_not_allowed(served: Proxy, key: str) -> None:
    assert check("-s", served.address, "-k", key, "--framing", "exact")[0] is Outcome.FRAMING


def test_a_server_proxy_with_no_room(tmp_path: Path) -> None:
    with Server(echo) as server, Tunnel(tmp_path, f"127.0.0.1:{server.port}", server=("--max-sessions", "1")) as tunnel:
        tunnel.client.wait_for("up with key")
        outcome, _ = check("-s", tunnel.server.address, "-k", str(tmp_path / "key.yaml"))
    assert outcome is Outcome.BUSY


def test_a_server_proxy_that_drains(make_tunnel: MakeTunnel, key: str) -> None:
    tunnel = make_tunnel(echo, "--drain-timeout", "1h")
    with closing(connect(tunnel.port)) as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"
        os.kill(tunnel.server.pid, signal.SIGTERM)
        tunnel.server.wait_for("what is open may end")
        assert check("-s", tunnel.server.address, "-k", key)[0] is Outcome.DRAINING


def test_a_server_that_is_down(tmp_path: Path, key: str) -> None:
    with Proxy(tmp_path, "server", "-S", "-s", f"127.0.0.1:{free_port()}", "-k", key) as proxy:
        outcome, text = check("-s", proxy.address, "-k", key)
        assert outcome is Outcome.BACKEND
        assert "it refuses connections" in text
        assert check("-s", proxy.address, "-k", key, "--link-only")[0] is Outcome.OK


def test_several_addresses_are_checked_and_the_first_failure_counts(served: Proxy, key: str) -> None:
    closed = f"127.0.0.1:{free_port()}"
    outcome, text = check("-s", f"{served.address},{closed},nobody.invalid:1", "-k", key, "--json")
    assert outcome is Outcome.CLOSED
    found = json.loads(text)
    assert not found["ok"]
    assert [each["outcome"] for each in found["findings"]] == ["ok", "port_closed", "name_not_found"]


def test_nothing_reaches_the_server_but_a_connection(tmp_path: Path, key: str) -> None:
    received: list[bytes] = []
    with (
        Server(lambda sock: received.append(sock.recv(1))) as server,
        Proxy(tmp_path, "server", "-S", "-s", f"127.0.0.1:{server.port}", "-k", key) as proxy,
    ):
        assert check("-s", proxy.address, "-k", key)[0] is Outcome.OK
    assert b"".join(received) == b""


# --- readiness ----------------------------------------------------------------------------------------------------------


def test_a_proxy_is_ready_once_it_has_a_link(tmp_path: Path, key: str) -> None:
    status = f"unix:{tmp_path}/status"
    target = f"127.0.0.1:{free_port()}"
    with Proxy(tmp_path, "client", "-s", target, "-k", key, "--status", status) as client:
        client.wait_for("status at")
        outcome, text = check("--status", status)
        assert outcome is Outcome.NOT_READY
        assert "no link to a server proxy" in text
        with Proxy(tmp_path, "server", "-S", "-k", key, listen=target):
            client.wait_for("up with key")
            assert check("--status", status)[0] is Outcome.OK


def test_a_status_that_nobody_serves(tmp_path: Path) -> None:
    assert check("--status", f"127.0.0.1:{free_port()}")[0] is Outcome.NO_STATUS
    assert check("--status", f"unix:{tmp_path}/nothing")[0] is Outcome.NO_STATUS
    with http_server() as port:
        assert check("--status", f"127.0.0.1:{port}")[0] is Outcome.NO_STATUS
