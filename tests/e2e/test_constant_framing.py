"""Constant framing between real processes: idle and loaded look the same to somebody on the path.

Idle and loaded parts take turns, so that whatever else the machine does falls into both. The times between sends are
compared by the test of Kolmogorov and Smirnov at a false alarm rate of 1 in 10,000. With about 600 times in each sample it
finds a difference of 0.2 between the distributions nearly always (`test_the_comparison_finds_a_small_delay`), and says
nothing about differences below about 0.1.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.proxies import Proxy, make_key
from tests.support.samples import critical_difference, largest_difference
from tests.support.waiting import wait_until
from wormhole_tunnel.cli.observe.capture import Capture, Passage
from wormhole_tunnel.net.addresses import TcpAddress, parse_address

FALSE_ALARMS = 1 / 10_000
RATE = 64 * 1024
MESSAGE = 1024
INTERVAL = MESSAGE / RATE
PARTS = 10
TICKS = 60  # in each part
SETTLING = 20  # ticks after a switch, in which what was under way still comes
FRAMING = ("--framing", "constant", "--rate", "64KiB/s")


class Load:
    """The switched load, as a process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.switched_load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._read())

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def switch(self, state: str) -> None:
        self.tell(state)
        assert self._read() == "ok"

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def load() -> Iterator[Load]:
    process = Load()
    yield process
    process.end()


@pytest.fixture
def busy_processors() -> Iterator[None]:
    """Other programs that never rest, one for each processor."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for burner in burners:
        burner.kill()
        burner.wait()


async def _part(capture: Capture) -> list[Passage]:
    """What passes from now on, but for the first ticks."""
    capture.restart()
    enough = 2 * (SETTLING + TICKS)
    await asyncio.to_thread(wait_until, lambda: len(capture.passages) >= enough, "the ticks of a part")
    return capture.passages[2 * SETTLING :]


async def _watch(folder: Path, load: Load) -> dict[str, list[list[Passage]]]:
    """Parts of the capture, by what the load did meanwhile."""
    keys = ("-k", str(make_key(folder)))
    parts: dict[str, list[list[Passage]]] = {"off": [], "on": []}
    with Proxy(folder, "server", "-S", "-s", f"127.0.0.1:{load.port}", *keys, *FRAMING) as server:
        async with Capture(TcpAddress("127.0.0.1", 0), parse_address(server.address)) as capture:
            client = Proxy(folder, "client", "-s", str(capture.address), *keys, *FRAMING)
            with ExitStack() as running:
                await asyncio.to_thread(running.enter_context, client)
                load.tell(str(client.port))
                for _ in range(PARTS):
                    for state, seen in parts.items():
                        await asyncio.to_thread(load.switch, state)
                        seen.append(await _part(capture))
    return parts


def _intervals(parts: list[list[Passage]], *, upward: bool) -> list[float]:
    """The times between sends one way, not counting those between the parts."""
    times = [[passage.at for passage in part if passage.upward is upward] for part in parts]
    return [later - earlier for part in times for earlier, later in pairwise(part)]


def _check(parts: dict[str, list[list[Passage]]]) -> None:
    for upward in (True, False):
        idle, loaded = (_intervals(parts[state], upward=upward) for state in ("off", "on"))
        difference = largest_difference(idle, loaded)
        assert difference < critical_difference(len(idle), len(loaded), FALSE_ALARMS)
    sizes = {passage.size % MESSAGE for seen in parts.values() for part in seen for passage in part}
    assert sizes == {0}


def test_idle_and_loaded_send_at_the_same_times(tmp_path: Path, load: Load) -> None:
    _check(asyncio.run(_watch(tmp_path, load)))


@pytest.mark.usefixtures("busy_processors")
def test_so_they_do_while_the_processors_are_busy(tmp_path: Path, load: Load) -> None:
    _check(asyncio.run(_watch(tmp_path, load)))


def test_the_comparison_finds_a_small_delay() -> None:
    chance = random.Random(1)
    size = PARTS * (TICKS - 1)
    idle = [chance.gauss(INTERVAL, 0.001) for _ in range(size)]
    late = [chance.gauss(INTERVAL + 0.0006, 0.001) for _ in range(size)]
    assert largest_difference(idle, late) > critical_difference(size, size, FALSE_ALARMS)
    again = [chance.gauss(INTERVAL, 0.001) for _ in range(size)]
    assert largest_difference(idle, again) < critical_difference(size, size, FALSE_ALARMS)
