"""Who may connect, and which connections are ended because nothing moves in them."""

from __future__ import annotations

import socket
from pathlib import Path
from threading import Event

import pytest

from tests.support.servers import Server, connect, echo, receive, reset
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE, wait_until


def is_reset(client: socket.socket) -> bool:
    """Whether the connection ends by a reset, after nothing."""
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        return True
    return False


def is_refused(port: int) -> bool:
    """Whether a client is reset at once; it may find out as early as it connects."""
    try:
        with connect(port) as client:
            return is_reset(client)
    except ConnectionResetError:
        return True


def test_a_client_from_elsewhere_is_refused(tmp_path: Path) -> None:
    reached: list[socket.socket] = []
    with Server(reached.append) as server:
        allowed = ("--allow", "10.0.0.0/8,2001:db8::/32")
        with Tunnel(tmp_path, f"127.0.0.1:{server.port}", client=allowed) as tunnel:
            assert is_refused(tunnel.port)
            wait_until(lambda: "refused: --allow does not name its network" in tunnel.client.log, "the refusal")
        assert not reached


def test_a_client_proxy_from_elsewhere_is_refused(tmp_path: Path) -> None:
    with Tunnel(tmp_path, "127.0.0.1:9", server=("--allow", "10.0.0.0/8")) as tunnel:
        wait_until(lambda: "refused: --allow does not name its network" in tunnel.server.log, "the refusal")
        assert "session" not in tunnel.server.log


def test_connections_from_one_source_are_limited(tmp_path: Path) -> None:
    with (
        Server(echo) as server,
        Tunnel(tmp_path, f"127.0.0.1:{server.port}", client=("--max-per-source", "2")) as tunnel,
        connect(tunnel.port) as one,
    ):
        with connect(tunnel.port) as two:
            for client in (one, two):
                client.sendall(b"x")
                assert receive(client, 1) == b"x"
            assert is_refused(tunnel.port)
            reset(two)

        def has_room() -> bool:
            with connect(tunnel.port) as client:
                try:
                    client.sendall(b"y")
                    return receive(client, 1) == b"y"
                except OSError:
                    return False

        wait_until(has_room, "room for another connection")


@pytest.mark.parametrize("transport", ["wormhole", "legacy"])
def test_an_idle_connection_is_reset(tmp_path: Path, transport: str) -> None:
    options = ("--idle-timeout", "1s")
    with (
        Server(echo) as server,
        Tunnel(tmp_path, f"127.0.0.1:{server.port}", client=options, both=("--transport", transport)) as tunnel,
        connect(tunnel.port) as client,
    ):
        client.sendall(b"x")
        assert receive(client, 1) == b"x"
        assert is_reset(client)


def test_a_connection_of_which_one_side_has_finished_is_reset(tmp_path: Path) -> None:
    over = Event()

    def serve(sock: socket.socket) -> None:
        echo(sock)
        over.wait(DEADLINE)

    with (
        Server(serve) as server,
        Tunnel(tmp_path, f"127.0.0.1:{server.port}", client=("--half-open-timeout", "1s")) as tunnel,
        connect(tunnel.port) as open_one,
        connect(tunnel.port) as half_open,
    ):
        for client in (open_one, half_open):
            client.sendall(b"x")
            assert receive(client, 1) == b"x"
        half_open.shutdown(socket.SHUT_WR)
        assert is_reset(half_open)
        open_one.sendall(b"y")
        assert receive(open_one, 1) == b"y", "both its sides are open"
        over.set()
