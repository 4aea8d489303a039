"""Telling systemd how it goes: sd_notify(3) and the watchdog of sd_watchdog_enabled(3). Without systemd, nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

from wormhole_tunnel.observe.logs import get_logger, log_event

_log = get_logger("wormhole")


class Notifier:
    """Sends states to the service manager that `environ` names, if any. Within a running event loop.

    The watchdog is fed by a timer of the loop, so it starves when the loop hangs.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self._interval = _watchdog_interval(environ)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def ready(self) -> None:
        """Started, or reloaded."""
        self._send("READY=1")
        if self._interval and self._timer is None:
            self._feed()

    def reloading(self) -> None:
        """Reading keys and configuration again; `ready` is to follow."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Ending; the watchdog is fed on."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Feed no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self) -> None:
        self._send("WATCHDOG=1")
        self._timer = self._loop.call_later(self._interval, self._feed)

    def _send(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0)
                sock.sendto(state.encode("ascii"), self._address)
        except OSError as error:
            log_event(_log, logging.WARNING, "notify_failed", f"systemd can't be told {state!r}: {error.strerror}")


def _watchdog_interval(environ: Mapping[str, str]) -> float:
    """Seconds between two signs of life, half of what is asked for; 0 if none is."""
    limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(limit) / 2_000_000
