"""Addresses of clients, told by a balancer to the client proxy, and by the server proxy to the server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.servers import Server, connect, exchange, receive_all
from tests.support.tunnel import Tunnel
from tests.support.waiting import wait_until
from wormhole_tunnel.net.addresses import SourceAddress
from wormhole_tunnel.net.proxy_protocol import pack_v1, pack_v2, parse


def say_all(sock: socket.socket) -> None:
    """Answer with everything the client has sent, once it has ended."""
    sock.sendall(receive_all(sock))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_server_learns_the_clients_address(tmp_path: Path, version: str) -> None:
    pack = {"v1": pack_v1, "v2": pack_v2}[version]
    with (
        Server(say_all) as server,
        Tunnel(tmp_path, f"127.0.0.1:{server.port}", server=("--send-proxy", version)) as tunnel,
        connect(tunnel.port) as client,
    ):
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        header = pack(SourceAddress(*client.getsockname()), SourceAddress("127.0.0.1", server.port))
        assert receive_all(client) == header + b"hello"


def test_the_address_that_a_balancer_tells_reaches_the_server(tmp_path: Path) -> None:
    with (
        Server(say_all) as server,
        Tunnel(
            tmp_path, f"127.0.0.1:{server.port}", client=("--accept-proxy",), server=("--send-proxy", "v2")
        ) as tunnel,
    ):
        told = SourceAddress("2001:db8::7", 4711)
        for pack in (pack_v1, pack_v2):
            answer = exchange(tunnel.port, pack(told, SourceAddress("2001:db8::1", 80)) + b"hello")
            header = parse(answer)
            assert header is not None
            assert header.source == told
            assert answer[header.size :] == b"hello"
        tunnel.client.wait_for("[2001:db8::7]:4711 ->", times=2)


def test_what_is_no_header_is_reset_and_logged(tmp_path: Path) -> None:
    with (
        Server(say_all) as server,
        Tunnel(tmp_path, f"127.0.0.1:{server.port}", client=("--accept-proxy",)) as tunnel,
    ):
        with pytest.raises(ConnectionResetError):
            exchange(tunnel.port, b"GET / HTTP/1.1\r\n")
        wait_until(lambda: "sent no PROXY protocol header: it begins otherwise" in tunnel.client.log, "the log line")


def test_a_source_told_by_a_balancer_is_what_is_limited(tmp_path: Path) -> None:
    options = ("--accept-proxy", "--max-per-source", "1")
    with (
        Server(say_all) as server,
        Tunnel(tmp_path, f"127.0.0.1:{server.port}", client=options) as tunnel,
        connect(tunnel.port) as one,
    ):
        to = SourceAddress("192.0.2.100", 80)
        one.sendall(pack_v1(SourceAddress("192.0.2.1", 1), to) + b"x")
        wait_until(lambda: "192.0.2.1:1 ->" in tunnel.client.log, "the first connection")
        assert exchange(tunnel.port, pack_v1(SourceAddress("192.0.2.2", 1), to) + b"other") == b"other"
        with pytest.raises(ConnectionResetError):
            exchange(tunnel.port, pack_v1(SourceAddress("192.0.2.1", 2), to) + b"same")
