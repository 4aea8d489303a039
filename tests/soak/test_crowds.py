"""Ten thousand connections held, a hundred thousand opened and closed; a tenth of each in a short run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.proxies import Proxy, accepts, free_port
from tests.support.tunnel import Tunnel
from tests.support.waiting import wait_until

LONG = float(os.environ.get("SOAK_SECONDS", "60")) >= 600
HELD = 10_000 if LONG else 1_000
OPENED_AND_CLOSED = 100_000 if LONG else 10_000
PROCESSES = 4
KIB = 1 << 10
MEMORY_EACH = 16 * KIB  # of a proxy, for a connection that is idle; a guard, not a measurement
GROWTH_ALLOWED = 8 << 20  # bytes, over the second half of many


@contextmanager
def crowd(what: str, *numbers: int) -> Iterator[subprocess.Popen[str]]:
    """A process of `tests.soak.crowd`; it must end well by itself."""
    command = [sys.executable, "-m", "tests.soak.crowd", what, *map(str, numbers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            process.communicate()
        except BaseException:
            process.kill()
            raise
        assert process.returncode == 0


@pytest.fixture
def tunnel(tmp_path: Path) -> Iterator[Tunnel]:
    """A tunnel to an echo server of its own process."""
    port = free_port()
    with crowd("echo", port):
        wait_until(partial(accepts, port), "the echo server")
        with Tunnel(tmp_path, f"127.0.0.1:{port}", both=("--log=warn",)) as running:
            yield running


def has_at_most(proxy: Proxy, descriptors: int) -> bool:
    return proxy.descriptors() <= descriptors


def run_crowds(tunnel: Tunnel, what: str, count: int) -> None:
    with ExitStack() as stack:
        for _ in range(PROCESSES):
            stack.enter_context(crowd(what, tunnel.port, count // PROCESSES))


def test_held_connections_are_cheap_and_all_answer(tunnel: Tunnel) -> None:
    run_crowds(tunnel, "churn", 200)
    before = {proxy: (proxy.memory(), proxy.descriptors()) for proxy in tunnel.proxies}
    with ExitStack() as stack:
        holders = [stack.enter_context(crowd("hold", tunnel.port, HELD // PROCESSES)) for _ in range(PROCESSES)]
        for holder in holders:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
        for proxy, (memory, descriptors) in before.items():
            assert proxy.descriptors() >= descriptors + HELD
            assert proxy.memory() < memory + HELD * MEMORY_EACH + GROWTH_ALLOWED
    for proxy, (_, descriptors) in before.items():
        wait_until(partial(has_at_most, proxy, descriptors), "every descriptor to be given back")


def test_connections_opened_and_closed_leave_nothing(tunnel: Tunnel) -> None:
    run_crowds(tunnel, "churn", OPENED_AND_CLOSED // 2)
    half_way = {proxy: (proxy.memory(), proxy.descriptors()) for proxy in tunnel.proxies}
    run_crowds(tunnel, "churn", OPENED_AND_CLOSED // 2)
    for proxy, (memory, descriptors) in half_way.items():
        assert proxy.memory() < memory + GROWTH_ALLOWED
        wait_until(partial(has_at_most, proxy, descriptors), "every descriptor to be given back")
