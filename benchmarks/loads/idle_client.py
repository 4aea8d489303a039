"""Many clients that each send one message, get it back, and stay connected until standard input ends.

    python -m benchmarks.loads.idle_client PORT COUNT SOURCE_ADDRESS

Says that it's ready once every one of them has its echo.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

from benchmarks.loads.start import wait_for_go
from benchmarks.processes import LOOPBACK

MESSAGE = bytes(64)
# spiped's queue of new connections holds ten; what doesn't fit waits a second and more.
AT_ONCE = 8
PATIENCE = 60.0


def _connect(port: int, source: str) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    # The port is chosen at connect: one address can then use each port once for each destination.
    connection.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    connection.bind((source, 0))
    connection.connect((LOOPBACK, port))
    connection.sendall(MESSAGE)
    return connection


def _open_batch(port: int, source: str, count: int) -> Iterator[socket.socket]:
    batch = [_connect(port, source) for _ in range(count)]
    for connection in batch:
        echoed = connection.recv(len(MESSAGE), socket.MSG_WAITALL)
        if len(echoed) != len(MESSAGE):
            raise ConnectionError("a connection ended before its echo")
        yield connection


def main() -> None:
    port, count, source = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    connections: list[socket.socket] = []
    while len(connections) < count:
        connections += _open_batch(port, source, min(AT_ONCE, count - len(connections)))
    wait_for_go()


if __name__ == "__main__":
    main()
