"""The two clocks: one that measures, one that tells the time of day."""

from __future__ import annotations

import sys
import time

# A session that waits for a new link must notice that the machine slept. Linux's monotonic clock stops then,
# CLOCK_BOOTTIME does not; on macOS CLOCK_MONOTONIC goes on.
if sys.platform == "linux":
    _ELAPSED = time.CLOCK_BOOTTIME
else:
    _ELAPSED = time.CLOCK_MONOTONIC


def now() -> float:
    """Seconds since an arbitrary point; never steps back, and counts the time that the machine was suspended."""
    return time.clock_gettime(_ELAPSED)


def unix_ms() -> int:
    """Milliseconds since 1970 (UTC), as the handshake sends them; may step either way."""
    return time.time_ns() // 1_000_000
