from __future__ import annotations

import time

from wormhole_tunnel.net import clock


def test_elapsed_time_never_steps_back() -> None:
    readings = [clock.now() for _ in range(1000)]
    assert readings == sorted(readings)


def test_elapsed_time_is_no_slower_than_the_monotonic_clock() -> None:
    # they differ by the time that the machine was suspended, which only one of them counts
    assert clock.now() >= time.monotonic() - 1.0


def test_unix_time_is_in_milliseconds() -> None:
    before = time.time()
    assert before * 1000 - 1 <= clock.unix_ms() <= time.time() * 1000 + 1
