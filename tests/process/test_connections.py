"""What a client and a server notice of the tunnel between them: nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from queue import Queue

import pytest

from tests.process.conftest import ServedPort
from tests.support.proxies import free_port
from tests.support.servers import CHUNK, Server, connect, exchange, pieces, receive, receive_all, reset
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE

MIB = 1 << 20


def test_a_client_that_stops_reading_holds_up_nobody_and_costs_no_memory(
    shared_tunnel: tuple[Server, Tunnel],
) -> None:
    flood = b"".join(pieces(1, 64 * MIB))

    def serve(sock: socket.socket) -> None:
        if receive(sock, 5) == b"flood":
            sock.sendall(flood)
        else:
            sock.sendall(receive_all(sock))

    server, tunnel = shared_tunnel
    server.handler = serve
    assert exchange(tunnel.port, b"quiet" + b"x" * MIB) == b"x" * MIB
    before = [proxy.memory() for proxy in tunnel.proxies]
    with connect(tunnel.port) as stalled:
        stalled.sendall(b"flood")
        for number in range(20):
            message = bytes([number]) * MIB
            assert exchange(tunnel.port, b"quiet" + message) == message
        grown = [proxy.memory() - was for proxy, was in zip(tunnel.proxies, before, strict=True)]
        assert max(grown) < len(flood) // 2
        assert receive(stalled, len(flood)) == flood


def test_a_server_answers_after_the_clients_end(served_port: ServedPort) -> None:
    def count(sock: socket.socket) -> None:
        sock.sendall(b"%d bytes" % len(receive_all(sock)))

    assert exchange(served_port(count), bytes(MIB)) == b"%d bytes" % MIB


def test_a_client_goes_on_after_the_servers_end(served_port: ServedPort) -> None:
    heard: Queue[bytes] = Queue()

    def listen(sock: socket.socket) -> None:
        sock.sendall(b"go on")
        sock.shutdown(socket.SHUT_WR)
        heard.put(receive_all(sock))

    with connect(served_port(listen)) as client:
        assert receive_all(client) == b"go on"
        client.sendall(b"and " * MIB)
        client.shutdown(socket.SHUT_WR)
        assert heard.get(timeout=DEADLINE) == b"and " * MIB


def test_a_clients_reset_is_a_reset_for_the_server(served_port: ServedPort) -> None:
    outcome: Queue[bytes | OSError] = Queue()

    def listen(sock: socket.socket) -> None:
        try:
            sock.sendall(receive(sock, 5))
            outcome.put(receive_all(sock))
        except OSError as error:
            outcome.put(error)

    client = connect(served_port(listen))
    client.sendall(b"hello")
    assert receive(client, 5) == b"hello"
    reset(client)
    assert isinstance(outcome.get(timeout=DEADLINE), ConnectionResetError)


def test_a_servers_reset_is_a_reset_for_the_client(served_port: ServedPort) -> None:
    def slam(sock: socket.socket) -> None:
        receive(sock, 5)
        reset(sock)

    with connect(served_port(slam)) as client:
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            receive_all(client)


def test_a_transfer_that_the_server_resets_never_looks_complete(served_port: ServedPort) -> None:
    def break_off(sock: socket.socket) -> None:
        sock.sendall(bytes(CHUNK))
        receive(sock, 1)
        reset(sock)

    with connect(served_port(break_off)) as client:
        assert receive(client, CHUNK) == bytes(CHUNK)
        client.sendall(b"!")
        with pytest.raises(ConnectionResetError):
            receive_all(client)


def test_a_server_that_refuses_resets_the_client_at_once(tmp_path: Path) -> None:
    with Tunnel(tmp_path, f"127.0.0.1:{free_port()}") as tunnel:
        for _ in range(3):
            with connect(tunnel.port) as client, pytest.raises(ConnectionResetError):
                receive_all(client)
        tunnel.server.wait_for("can't connect", times=3)


def test_a_server_may_speak_first(served_port: ServedPort) -> None:
    def greet(sock: socket.socket) -> None:
        sock.sendall(b"220 ready\r\n")
        assert receive(sock, 6) == b"QUIT\r\n"
        sock.sendall(b"221 bye\r\n")

    with connect(served_port(greet)) as client:
        assert receive(client, 11) == b"220 ready\r\n"
        client.sendall(b"QUIT\r\n")
        assert receive_all(client) == b"221 bye\r\n"


def test_a_target_that_never_answers_does_not_stop_the_accept_loop(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as target:
        port = target.getsockname()[1]
        with connect(port), Tunnel(tmp_path, f"127.0.0.1:{port}", server=("--connect-timeout", "1s")) as tunnel:
            # The queue is full: the kernel drops what would be one connection more
            clients = [connect(tunnel.port) for _ in range(20)]
            for client in clients:
                with client, pytest.raises(ConnectionResetError):
                    receive_all(client)
            tunnel.client.wait_for('reason="reset by the other side: timeout"', len(clients))
            target.accept()[0].close()
            with connect(tunnel.port) as client:
                target.accept()[0].close()
                assert receive_all(client) == b""
