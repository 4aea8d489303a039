"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE = 20.0  # seconds: far more than anything here takes, so that only a hang reaches it


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds; AssertionError naming `what` when it never does."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
