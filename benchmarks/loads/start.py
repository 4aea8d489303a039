"""The line at which a load waits until it may begin."""

from __future__ import annotations

import sys


def wait_for_go() -> None:
    """Say that this load is ready, and return when a line comes in."""
    print("ready", flush=True)
    sys.stdin.readline()
