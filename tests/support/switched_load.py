"""A process that is a server, and on demand a busy client of it through a tunnel: `on` and `off` on standard input.

    python -m tests.support.switched_load

Prints the server's port, reads the tunnel's, answers each later line once it has taken effect.
"""

from __future__ import annotations

import socket
import sys
import threading

_PIECE = bytes(1500)


def _sink(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    while data := connection.recv(65_536):
        connection.sendall(data[:100])


def _drain(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def _send(connection: socket.socket, on: threading.Event) -> None:
    while True:
        on.wait()
        connection.sendall(_PIECE)


def main() -> None:
    """See the module."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    connection = socket.create_connection(("127.0.0.1", int(sys.stdin.readline())))
    on = threading.Event()
    for work in (lambda: _sink(listening), lambda: _drain(connection), lambda: _send(connection, on)):
        threading.Thread(target=work, daemon=True).start()
    for line in sys.stdin:
        (on.set if line.strip() == "on" else on.clear)()
        print("ok", flush=True)


if __name__ == "__main__":
    main()
