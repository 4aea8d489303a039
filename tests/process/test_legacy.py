"""`wormhole --transport legacy` as processes, with each other and with the tests' own implementation of the transport."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import yaml

from tests.support.proxies import Proxy, make_key
from tests.support.waiting import DEADLINE, wait_until
from tests.unit.legacy.peer import Receiver, Sender

DATA = random.Random(9).randbytes(5_000_000)
LEGACY = ("--transport", "legacy")
HEADER = bytes(range(24))


@contextmanager
def echo_server() -> Iterator[int]:
    """Echoes what each connection sends, up to its end; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=accept_all, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]


def accept_all(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # closed
            return
        Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection, suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            connection.sendall(data)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)


def receive(sock: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size and (data := sock.recv(size - len(received))):
        received += data
    return bytes(received)


def server_proxy(folder: Path, key: Path, server: int) -> Proxy:
    return Proxy(folder, "server", "-S", "-k", str(key), "-s", f"127.0.0.1:{server}", *LEGACY)


def client_proxy(folder: Path, key: Path, server: int) -> Proxy:
    return Proxy(folder, "client", "-k", str(key), "-s", f"127.0.0.1:{server}", *LEGACY)


def test_a_pair_of_processes_carries_both_ways_at_once(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with (
        echo_server() as server,
        server_proxy(tmp_path, key, server) as far,
        client_proxy(tmp_path, key, far.port) as near,
        connect(near.port) as client,
    ):
        sending = Thread(target=client.sendall, args=(DATA,))
        sending.start()
        assert receive(client, len(DATA)) == DATA
        sending.join()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        wait_until(lambda: "both sides finished" in near.log, "the client proxy's log of the end")
        wait_until(lambda: "both sides finished" in far.log, "the server proxy's log of the end")
        assert [near.log.count("no forward secrecy"), far.log.count("no forward secrecy")] == [1, 1]


def test_the_raw_key_of_the_file_and_the_transport_byte_for_byte(tmp_path: Path) -> None:
    key = tmp_path / "key.yaml"
    secret = random.Random(3).randbytes(32)
    key.write_text(yaml.safe_dump(list(secret)))  # as the original's wormhole-keygen writes it
    key.chmod(0o600)
    with echo_server() as server, server_proxy(tmp_path, key, server) as far, connect(far.port) as link:
        sender, receiver = Sender(secret, HEADER), Receiver(secret)
        assert receiver.feed(receive(link, 24)) == b""
        link.sendall(sender.header + sender.message(b"hello"))
        assert receiver.feed(receive(link, 273)) == b"hello"
