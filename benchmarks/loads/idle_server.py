"""An echo server that holds thousands of connections in one process.

python -m benchmarks.loads.idle_server PORT
"""

from __future__ import annotations

import select
import socket
import sys

from benchmarks.processes import LOOPBACK

MESSAGE_LIMIT = 4096


def _answer(epoll: select.epoll, connections: dict[int, socket.socket], descriptor: int) -> None:
    connection = connections[descriptor]
    try:
        data = connection.recv(MESSAGE_LIMIT)
        connection.sendall(data)
    except OSError:
        data = b""
    if not data:
        epoll.unregister(descriptor)
        connections.pop(descriptor).close()


def main() -> None:
    listener = socket.create_server((LOOPBACK, int(sys.argv[1])), backlog=4096)
    connections: dict[int, socket.socket] = {}
    with select.epoll() as epoll:
        epoll.register(listener, select.EPOLLIN)
        while True:
            for descriptor, _ in epoll.poll():
                if descriptor != listener.fileno():
                    _answer(epoll, connections, descriptor)
                    continue
                connection, _ = listener.accept()
                connections[connection.fileno()] = connection
                epoll.register(connection, select.EPOLLIN)


if __name__ == "__main__":
    main()
