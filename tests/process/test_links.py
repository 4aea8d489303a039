"""The link between the two processes: not there yet, lost, or between proxies that have nothing in common."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process.conftest import MakeTunnel
from tests.support.proxies import Proxy, free_port, make_key
from tests.support.relay import Relay
from tests.support.servers import CHUNK, Server, connect, echo, exchange, pieces, receive, receive_all, reset

EARLY_DATA = 64 << 10  # bytes that a waiting client may hand over
KERNEL_BUFFERS = 16 << 20  # bytes, generously: what a client can send before it notices that nobody reads


@pytest.fixture(scope="module", autouse=True)
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Proxy]]:
    """Two proxies with a key each. They try in vain for ten seconds, so they begin before the module's other tests."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "other").mkdir()
    key, other = str(make_key(folder)), str(make_key(folder / "other"))
    with (
        Proxy(folder, "far", "-S", "-k", key) as far,
        Proxy(folder, "near", "-k", other, "-s", far.address) as near,
    ):
        yield near, far


def send_until_stuck(sock: socket.socket) -> int:
    """How many bytes are taken from a client that does not wait."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK)
    sock.settimeout(0)
    sent = 0
    try:
        while sent < 2 * KERNEL_BUFFERS:
            sent += sock.send(bytes(CHUNK))
    except BlockingIOError:
        pass
    return sent


def test_a_client_proxy_may_start_first_and_what_its_clients_said_arrives(tmp_path: Path, key: str) -> None:
    link = free_port()
    message = b"".join(pieces(2, 1 << 20))
    with ExitStack() as stack:
        near = stack.enter_context(Proxy(tmp_path, "near", "-k", key, "-s", f"127.0.0.1:{link}"))
        near.wait_for("can't reach the server proxy")
        server = stack.enter_context(Server(echo))
        patient, eager, hasty = connect(near.port), connect(near.port), connect(near.port)
        patient.sendall(message[:EARLY_DATA])
        assert EARLY_DATA <= send_until_stuck(eager) < KERNEL_BUFFERS
        reset(hasty)
        stack.enter_context(
            Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}", listen=f"127.0.0.1:{link}")
        )
        patient.sendall(message[EARLY_DATA:])
        patient.shutdown(socket.SHUT_WR)
        assert receive_all(patient) == message
        patient.close()
        eager.close()


def test_without_resumption_a_lost_link_resets_its_clients_and_the_next_carries_on(tmp_path: Path, key: str) -> None:
    options = ("-k", key, "--resume-timeout", "0")
    with ExitStack() as stack:
        server = stack.enter_context(Server(echo))
        far = stack.enter_context(Proxy(tmp_path, "far", "-S", "-s", f"127.0.0.1:{server.port}", *options))
        relay = stack.enter_context(Relay(far.port))
        near = stack.enter_context(Proxy(tmp_path, "near", "-s", f"127.0.0.1:{relay.port}", *options))
        with connect(near.port) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
            relay.cut()
            with pytest.raises(ConnectionResetError):
                receive_all(client)
        assert exchange(near.port, b"again") == b"again"


def test_a_link_may_be_a_unix_socket(tmp_path: Path, key: str) -> None:
    link = f"unix:{tmp_path / 'link'}"
    with (
        Server(echo) as server,
        Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}", listen=link),
        Proxy(tmp_path, "near", "-k", key, "-s", link) as near,
    ):
        assert exchange(near.port, bytes(1 << 20)) == bytes(1 << 20)
    assert not (tmp_path / "link").exists()


def test_the_tunnel_survives_a_peer_that_talks_nonsense(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel()
    with connect(tunnel.server.port) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
        assert exchange(tunnel.port, b"hello") == b"hello"


def test_another_key_is_a_warning_that_says_what_silence_can_mean(strangers: tuple[Proxy, Proxy]) -> None:
    near, far = strangers
    far.wait_for("it gets no answer")
    near.wait_for("no answer to the handshake: another key")
