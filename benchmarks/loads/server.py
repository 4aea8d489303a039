"""A server whose clients say in their first byte what they want: an echo, a sink or a source. A process a connection.

    python -m benchmarks.loads.server PORT

One process each, and blocking calls, so that an echo beside a bulk transfer waits for no other work of this server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
import time
from enum import Enum

from benchmarks.processes import LOOPBACK

CHUNK = 256 * 1024
SINK_SECONDS = struct.Struct("!d")
"""What a client sends after asking for a sink: for how many seconds to count."""
SINK_REPORT = struct.Struct("!Qd")
"""What the sink answers then: the bytes it received, and in how many seconds."""


class Request(Enum):
    """The first byte of a connection."""

    ECHO = b"e"
    SINK = b"s"
    SOURCE = b"g"


def _echo(connection: socket.socket) -> None:
    while data := connection.recv(CHUNK):
        connection.sendall(data)


def _sink(connection: socket.socket) -> None:
    (seconds,) = SINK_SECONDS.unpack(connection.recv(SINK_SECONDS.size, socket.MSG_WAITALL))
    buffer, received, begin = bytearray(CHUNK), 0, time.monotonic()
    while (elapsed := time.monotonic() - begin) < seconds:
        received += connection.recv_into(buffer)
    connection.sendall(SINK_REPORT.pack(received, elapsed))
    # What is still on its way must be read: closing before would reset the connection and lose the report.
    while connection.recv_into(buffer):
        pass


def _source(connection: socket.socket) -> None:
    chunk = bytes(CHUNK)
    while True:
        connection.sendall(chunk)


_HANDLERS = {Request.ECHO: _echo, Request.SINK: _sink, Request.SOURCE: _source}


def _serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(ConnectionError):
        _HANDLERS[Request(connection.recv(1))](connection)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.create_server((LOOPBACK, int(sys.argv[1])), backlog=128)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _serve(connection)
            # Not sys.exit: what the parent registered to run at its end is the parent's.
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    main()
