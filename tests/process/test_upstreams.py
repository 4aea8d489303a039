"""Several servers behind a server proxy, and several proxies in a row."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.proxies import Proxy, free_port
from tests.support.servers import Handler, Server, connect, exchange, pieces, receive, receive_all
from tests.support.tunnel import Tunnel
from tests.support.waiting import wait_until

CLIENTS = 20
FIRST, SECOND = b"1", b"2"


def tells(name: bytes) -> Handler:
    """A server that says who it is, and waits for its client to end."""

    def handler(sock: socket.socket) -> None:
        sock.sendall(name)
        receive_all(sock)

    return handler


@contextmanager
def silence() -> Iterator[int]:
    """A port that answers no connection: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as stack:
        port: int = listening.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def tunnel_to(folder: Path, ports: list[int], *options: str) -> Tunnel:
    return Tunnel(folder, ",".join(f"127.0.0.1:{port}" for port in ports), server=options)


def ask(port: int) -> bytes:
    """Which server a connection leads to."""
    return exchange(port, b"who?")


# --- which server -----------------------------------------------------------------------------------------------------


def test_connections_go_to_the_server_that_has_least(tmp_path: Path) -> None:
    with (
        Server(tells(FIRST)) as first,
        Server(tells(SECOND)) as second,
        tunnel_to(tmp_path, [first.port, second.port]) as tunnel,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(connect(tunnel.port)) for _ in range(CLIENTS)]
        assert Counter(receive(client, 1) for client in clients) == {FIRST: CLIENTS / 2, SECOND: CLIENTS / 2}


def test_in_order_all_go_to_the_first(tmp_path: Path) -> None:
    with (
        Server(tells(FIRST)) as first,
        Server(tells(SECOND)) as second,
        tunnel_to(tmp_path, [first.port, second.port], "--prefer", "ordered") as tunnel,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(connect(tunnel.port)) for _ in range(CLIENTS)]
        assert {receive(client, 1) for client in clients} == {FIRST}


# --- servers that don't work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preference", ["least-load", "ordered"])
def test_a_server_that_refuses_costs_no_connection(tmp_path: Path, preference: str) -> None:
    with (
        Server(tells(SECOND)) as second,
        tunnel_to(tmp_path, [free_port(), second.port], "--prefer", preference) as tunnel,
    ):
        assert [ask(tunnel.port) for _ in range(CLIENTS)] == [SECOND] * CLIENTS
        tunnel.server.wait_for("trying the next server")


def test_a_server_that_does_not_answer_leaves_time_for_the_next(tmp_path: Path) -> None:
    with (
        silence() as silent,
        Server(tells(SECOND)) as second,
        tunnel_to(tmp_path, [silent, second.port], "--connect-timeout", "2s") as tunnel,
    ):
        assert ask(tunnel.port) == SECOND
        tunnel.server.wait_for("no answer within 1 s; trying the next server")


def test_when_all_fail_the_client_is_reset_and_the_log_says_each_reason(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with tunnel_to(tmp_path, ports) as tunnel:
        with connect(tunnel.port) as client, pytest.raises(ConnectionResetError):
            client.recv(1)
        reasons = [f"127.0.0.1:{port}: Connection refused" for port in ports]
        wait_until(
            lambda: any(all(each in line for each in reasons) for line in tunnel.server.log.splitlines()),
            "one line with both reasons",
        )


def test_a_flapping_server_is_used_whenever_it_works(tmp_path: Path) -> None:
    flapping = free_port()
    with (
        Server(tells(SECOND)) as second,
        tunnel_to(tmp_path, [flapping, second.port], "--prefer", "ordered", "--health-interval", "100ms") as tunnel,
    ):
        for times in range(1, 4):
            tunnel.server.wait_for(f"server 127.0.0.1:{flapping} fails its health check", times)
            assert ask(tunnel.port) == SECOND
            with Server(tells(FIRST), flapping):
                tunnel.server.wait_for(f"server 127.0.0.1:{flapping} works again", times)
                assert ask(tunnel.port) == FIRST
    assert "trying the next server" not in tunnel.server.log


def test_without_health_checks_a_connection_finds_out_that_a_server_is_back(tmp_path: Path) -> None:
    flapping = free_port()
    with (
        Server(tells(SECOND)) as second,
        tunnel_to(tmp_path, [flapping, second.port], "--prefer", "ordered") as tunnel,
    ):
        assert ask(tunnel.port) == SECOND
        with Server(tells(FIRST), flapping):
            while ask(tunnel.port) != FIRST:
                assert "works again" not in tunnel.server.log
            tunnel.server.wait_for(f"server 127.0.0.1:{flapping} works again")


# --- chains -----------------------------------------------------------------------------------------------------------


@contextmanager
def three_hops(folder: Path, key: str, target: str) -> Iterator[int]:
    """Three tunnels in a row in front of `target`; the port of the first client proxy."""
    with ExitStack() as stack:
        for name in ("third", "second", "first"):
            far = stack.enter_context(Proxy(folder, f"{name}-far", "-S", "-k", key, "-s", target))
            near = stack.enter_context(Proxy(folder, f"{name}-near", "-k", key, "-s", far.address))
            target = near.address
        yield int(target.rpartition(":")[2])


def test_three_hops_carry_data_and_its_ends_both_ways(tmp_path: Path, key: str) -> None:
    data = b"".join(pieces(3, 4 << 20))

    def answer(sock: socket.socket) -> None:
        sock.sendall(receive_all(sock))

    with Server(answer) as server, three_hops(tmp_path, key, f"127.0.0.1:{server.port}") as port:
        assert exchange(port, data) == data


def test_a_refusal_comes_back_over_three_hops_as_a_reset(tmp_path: Path, key: str) -> None:
    with (
        three_hops(tmp_path, key, f"127.0.0.1:{free_port()}") as port,
        connect(port) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.recv(1)


def test_a_tunnel_through_a_tunnel_with_keys_of_its_own(tmp_path: Path) -> None:
    """End to end: the inner link runs through the outer tunnel, whose proxies don't have the inner key."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.mkdir()
    outer.mkdir()
    link = free_port()
    with (
        Server(tells(FIRST)) as server,
        tunnel_to(outer, [link]) as path,
        Tunnel(inner, f"127.0.0.1:{server.port}", link=f"127.0.0.1:{link}") as ends,
        Proxy(inner, "nested", "-k", str(inner / "key.yaml"), "-s", path.client.address) as nested,
    ):
        assert ask(nested.port) == FIRST
        nested.wait_for(f"link to {path.client.address} up")
        ends.server.wait_for("begun", times=2)
