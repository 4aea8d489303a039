"""Small servers, and clients, of the tests' own: one thread for each connection, and nothing else installed."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import struct
from collections.abc import Callable, Iterator
from threading import Thread
from types import TracebackType
from typing import Self

from tests.support.waiting import DEADLINE

Handler = Callable[[socket.socket], None]
CHUNK = 1 << 16


class Server:
    """Listens on 127.0.0.1, on a free port if none is named, and runs `handler` on each connection.

    An OSError ends only that connection.
    """

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self.handler = handler
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(DEADLINE)
            self.handler(sock)


def echo(sock: socket.socket) -> None:
    """Say what is said, to its end."""
    while data := sock.recv(CHUNK):
        sock.sendall(data)


def connect(port: int) -> socket.socket:
    """A client of a port of 127.0.0.1, whose every wait has the tests' deadline."""
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, unless the connection ends before."""
    data = bytearray()
    while len(data) < size and (piece := sock.recv(min(CHUNK, size - len(data)))):
        data += piece
    return bytes(data)


def receive_all(sock: socket.socket) -> bytes:
    """Everything, to the connection's clean end."""
    return b"".join(iter(lambda: sock.recv(CHUNK), b""))


def open_client(port: int) -> socket.socket:
    """A client that has had an answer from an echo."""
    client = connect(port)
    client.sendall(b"hello")
    assert receive(client, 5) == b"hello"
    return client


def finish(client: socket.socket) -> None:
    """A client of an echo that works to its own end."""
    with client:
        client.sendall(b"still here")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b"still here"


def exchange(port: int, message: bytes) -> bytes:
    """What a server of `port` says to a message and its end; sent and received at the same time."""
    with connect(port) as sock:
        sender = Thread(target=_send, args=(sock, message), daemon=True)
        sender.start()
        answer = receive_all(sock)
        sender.join(DEADLINE)
        return answer


def _send(sock: socket.socket, message: bytes) -> None:
    with contextlib.suppress(OSError):
        sock.sendall(message)
        sock.shutdown(socket.SHUT_WR)


def reset(sock: socket.socket) -> None:
    """Close with a reset (RST) instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def pieces(seed: int, size: int) -> Iterator[bytes]:
    """So many bytes, a multiple of CHUNK, that never repeat and are the same for the same seed."""
    generator = random.Random(seed)
    for _ in range(size // CHUNK):
        yield generator.randbytes(CHUNK)


def digest(data: Iterator[bytes]) -> bytes:
    """SHA-256 of all pieces."""
    total = hashlib.sha256()
    for piece in data:
        total.update(piece)
    return total.digest()
