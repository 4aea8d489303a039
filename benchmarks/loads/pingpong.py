"""One client that sends 64 bytes and waits until they are back, again and again.

    python -m benchmarks.loads.pingpong PORT SECONDS

Connects and warms up, says that it's ready, and begins when a line comes in. Prints the 50th and 99th percentile of the
round trips, in microseconds.
"""

from __future__ import annotations

import gc
import json
import socket
import sys
import time

from benchmarks.figures import percentile
from benchmarks.loads.server import Request
from benchmarks.loads.start import wait_for_go
from benchmarks.processes import LOOPBACK

MESSAGE = bytes(range(64))
WARM_UP = 200


def _round_trip(connection: socket.socket, buffer: memoryview) -> int:
    begin = time.perf_counter_ns()
    connection.sendall(MESSAGE)
    received = 0
    while received < len(MESSAGE):
        size = connection.recv_into(buffer[received:])
        if size == 0:
            raise ConnectionError("the echo ended")
        received += size
    return time.perf_counter_ns() - begin


def measure(port: int, seconds: float) -> list[float]:
    """Return the round trips of `seconds` in microseconds, in ascending order."""
    buffer = memoryview(bytearray(len(MESSAGE)))
    with socket.create_connection((LOOPBACK, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(Request.ECHO.value)
        for _ in range(WARM_UP):
            _round_trip(connection, buffer)
        gc.disable()
        wait_for_go()
        deadline, times = time.monotonic() + seconds, []
        while time.monotonic() < deadline:
            times.append(_round_trip(connection, buffer) / 1000)
    return sorted(times)


def main() -> None:
    times = measure(int(sys.argv[1]), float(sys.argv[2]))
    print(json.dumps({"p50": percentile(times, 0.50), "p99": percentile(times, 0.99), "count": len(times)}))


if __name__ == "__main__":
    main()
