"""One bulk transfer for a given time, to be measured beside something else.

    python -m benchmarks.loads.bulk PORT up|down SECONDS

Connects, says that it's ready, and begins when a line comes in. Prints the bits a second that arrived.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from benchmarks.loads.server import CHUNK, SINK_REPORT, SINK_SECONDS, Request
from benchmarks.loads.start import wait_for_go
from benchmarks.processes import LOOPBACK


def _send(connection: socket.socket, seconds: float) -> float:
    connection.sendall(Request.SINK.value + SINK_SECONDS.pack(seconds))
    chunk = bytes(CHUNK)
    # The receiver counts and says when to stop (not by a half-close, which not every proxy passes on).
    while not select.select([connection], [], [], 0)[0]:
        connection.sendall(chunk)
    received, elapsed = SINK_REPORT.unpack(connection.recv(SINK_REPORT.size, socket.MSG_WAITALL))
    return float(received * 8 / elapsed)


def _receive(connection: socket.socket, seconds: float) -> float:
    connection.sendall(Request.SOURCE.value)
    buffer, received = bytearray(CHUNK), 0
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        size = connection.recv_into(buffer)
        if size == 0:
            raise ConnectionError("the source ended")
        received += size
    return received * 8 / (time.monotonic() - begin)


def main() -> None:
    port, direction, seconds = sys.argv[1:4]
    with socket.create_connection((LOOPBACK, int(port))) as connection:
        wait_for_go()
        transfer = _send if direction == "up" else _receive
        print(json.dumps({"rate": transfer(connection, float(seconds))}))


if __name__ == "__main__":
    main()
