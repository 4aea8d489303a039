"""How proxies stop: what is open may end, nothing new begins, and the other proxy is told."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.forwarder import Forwarder
from tests.support.proxies import Proxy, accepts, free_port
from tests.support.servers import CHUNK, Server, connect, digest, echo, exchange, finish, open_client, pieces
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE, wait_until

DRAINED, FORCED = 0, 3
SIZE = 32 << 20
LONG = ("--drain-timeout", "1h")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo) as server:
        yield server


@pytest.fixture
def tunnel(tmp_path: Path, server: Server) -> Iterator[Tunnel]:
    """A tunnel whose proxies wait for their connections as long as it takes."""
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}", both=LONG) as tunnel:
        yield tunnel


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_with_nothing_open_a_proxy_ends_at_once_and_tells_the_other(tunnel: Tunnel, number: signal.Signals) -> None:
    assert exchange(tunnel.port, b"hello") == b"hello"
    assert tunnel.server.end(number) == DRAINED
    tunnel.client.wait_for("ended: the server proxy closed the session (draining)")
    assert tunnel.client.end(number) == DRAINED


def test_a_client_proxy_that_ends_ends_its_session_too(tunnel: Tunnel) -> None:
    assert exchange(tunnel.port, b"hello") == b"hello"
    assert tunnel.client.end() == DRAINED
    tunnel.server.wait_for("session ended: closed by the client")
    assert tunnel.server.end() == DRAINED


def test_a_client_proxy_refuses_new_clients_and_lets_the_others_end(tunnel: Tunnel) -> None:
    with open_client(tunnel.port) as client:
        tunnel.client.signal(signal.SIGTERM)
        wait_until(lambda: not accepts(tunnel.port), "the listener to close")
        finish(client)
    assert tunnel.client.exit_code() == DRAINED
    tunnel.server.wait_for("session ended: closed by the client")


def test_a_client_that_waits_for_a_session_holds_nobody_up(tmp_path: Path, key: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with Proxy(tmp_path, "near", "-k", key, "-s", nowhere, *LONG) as near, connect(near.port) as client:
        client.sendall(b"hello")
        near.wait_for("can't reach the server proxy")
        assert near.end() == DRAINED
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_clients_that_the_kernel_has_connected_are_taken_in(tunnel: Tunnel) -> None:
    assert exchange(tunnel.port, b"hello") == b"hello"
    tunnel.client.signal(signal.SIGSTOP)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(tunnel.port)) for _ in range(200)]
        tunnel.client.signal(signal.SIGTERM)
        tunnel.client.signal(signal.SIGCONT)
        for client in clients:
            finish(client)
    assert tunnel.client.exit_code() == DRAINED


def test_draining_under_load_loses_no_byte(tunnel: Tunnel) -> None:
    """Both proxies are told to stop in the middle of transfers in both directions."""
    began = Event()

    def send(client: socket.socket, seed: int) -> None:
        for piece in pieces(seed, SIZE):
            client.sendall(piece)
            began.set()
        client.shutdown(socket.SHUT_WR)

    with ExitStack() as stack:
        clients = [stack.enter_context(open_client(tunnel.port)) for _ in range(4)]
        senders = [Thread(target=send, args=each, daemon=True) for each in zip(clients, range(4), strict=True)]
        for sender in senders:
            sender.start()
        assert began.wait(DEADLINE)
        for proxy in tunnel.proxies:
            proxy.signal(signal.SIGTERM)
        for seed, client in enumerate(clients):
            assert digest(iter(partial(client.recv, CHUNK), b"")) == digest(pieces(seed, SIZE))
        for sender in senders:
            sender.join(DEADLINE)
    assert [proxy.exit_code() for proxy in tunnel.proxies] == [DRAINED, DRAINED]


def test_what_does_not_end_in_time_is_reset(tmp_path: Path, server: Server) -> None:
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}", both=("--drain-timeout", "100ms")) as tunnel:
        with open_client(tunnel.port) as client:
            assert tunnel.server.end() == FORCED
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        tunnel.client.wait_for("the server proxy closed the session (draining)")
        assert "Traceback" not in tunnel.server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("which", ["client", "server"])
def test_a_second_signal_does_not_wait(tunnel: Tunnel, which: str, number: signal.Signals) -> None:
    proxy = tunnel.client if which == "client" else tunnel.server
    with open_client(tunnel.port) as client:
        proxy.signal(signal.SIGTERM)
        proxy.wait_for("what is open may end")
        assert proxy.end(number) == FORCED
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_reload_while_draining_changes_nothing_about_it(tunnel: Tunnel) -> None:
    with open_client(tunnel.port) as client:
        for proxy in tunnel.proxies:
            proxy.signal(signal.SIGTERM)
            proxy.wait_for("what is open may end")
            proxy.signal(signal.SIGHUP)
            proxy.wait_for("read again")
        finish(client)
    assert [proxy.exit_code() for proxy in tunnel.proxies] == [DRAINED, DRAINED]


def test_a_draining_server_proxy_still_takes_a_lost_link_back(tmp_path: Path, key: str, server: Server) -> None:
    with (
        Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}", *LONG) as far,
        Forwarder(far.port) as path,
        Proxy(tmp_path, "near", "-k", key, "-s", f"127.0.0.1:{path.port}") as near,
        open_client(near.port) as client,
    ):
        far.signal(signal.SIGTERM)
        near.wait_for("is going away")
        path.cut()
        near.wait_for("resumed")
        finish(client)
        assert far.exit_code() == DRAINED


def test_a_draining_server_proxy_takes_no_new_session_and_its_successor_serves_who_waited(
    tmp_path: Path, key: str, server: Server
) -> None:
    options = ("-S", "-k", key, "-s", f"127.0.0.1:{server.port}", *LONG)
    with Proxy(tmp_path, "far", *options) as far, ExitStack() as stack:
        target = ("-k", key, "-s", far.address)
        near = stack.enter_context(Proxy(tmp_path, "near", *target))
        client = stack.enter_context(open_client(near.port))
        far.signal(signal.SIGTERM)
        near.wait_for("is going away")
        late = stack.enter_context(Proxy(tmp_path, "late", *target))
        late.wait_for("the server is draining")
        far.wait_for("refused: draining")
        waiting = [stack.enter_context(connect(proxy.port)) for proxy in (near, late)]
        finish(client)
        assert far.exit_code() == DRAINED
        stack.enter_context(Proxy(tmp_path, "successor", *options, listen=far.address))
        for each in waiting:
            finish(each)
