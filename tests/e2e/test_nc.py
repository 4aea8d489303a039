"""nc through the tunnel: half-close must reach the other end as an end, with the answer still to come."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess

from tests.e2e.conftest import MakeTunnel
from tests.support.proxies import free_port
from tests.support.servers import Server, receive_all
from tests.support.services import program
from tests.support.waiting import DEADLINE, wait_until

SIZE = 20_000_000


def listening(port: int) -> bool:
    """Whether somebody listens, without a connection: nc serves one only."""
    query = [program("ss"), "-Hltn", f"sport = :{port}"]
    return bool(subprocess.run(query, check=True, capture_output=True).stdout)


def test_an_answer_that_is_made_after_the_clients_end(make_tunnel: MakeTunnel) -> None:
    def answer_with_digest(sock: socket.socket) -> None:
        sock.sendall(hashlib.sha256(receive_all(sock)).hexdigest().encode())

    with Server(answer_with_digest) as server:
        command = [program("nc"), "-N", "127.0.0.1", str(make_tunnel(f"127.0.0.1:{server.port}").port)]
        content = os.urandom(SIZE)
        answer = subprocess.run(command, check=True, input=content, capture_output=True, timeout=DEADLINE)
        assert answer.stdout.decode() == hashlib.sha256(content).hexdigest()


def test_a_line_each_way_and_the_servers_end(make_tunnel: MakeTunnel) -> None:
    port = free_port()
    tunnel = make_tunnel(f"127.0.0.1:{port}")
    nc, pipe = program("nc"), subprocess.PIPE
    with subprocess.Popen([nc, "-N", "-l", "127.0.0.1", str(port)], stdin=pipe, stdout=pipe) as server:
        wait_until(lambda: listening(port), "nc to listen")
        with subprocess.Popen([nc, "-N", "127.0.0.1", str(tunnel.port)], stdin=pipe, stdout=pipe) as client:
            assert server.stdin is not None
            assert server.stdout is not None
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(b"to the server\n")
            client.stdin.flush()
            assert server.stdout.readline() == b"to the server\n"
            server.stdin.write(b"and back\n")
            server.stdin.close()
            assert client.stdout.readline() == b"and back\n"
            client.stdin.close()
            assert client.stdout.read() == b""
            assert server.wait(DEADLINE) == 0
