"""Draws looks on a terminal, once or again and again."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.live import Live

from wormhole_tunnel.cli.top.look import Look, Rate, look_at_all, rates
from wormhole_tunnel.cli.top.tables import screen
from wormhole_tunnel.net.addresses import Address

_SAMPLES: Final = 24  # of the sparkline
_PIPE_WIDTH: Final = 120  # columns, where standard output is no terminal


def show_once(looks: Sequence[Look], connections: int) -> None:
    """Print a look."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(screen(looks, {}, connections))


def follow(addresses: Sequence[Address], token: str, interval: float, connections: int) -> None:
    """Draw a look every `interval` seconds, until KeyboardInterrupt."""
    history: defaultdict[tuple[str, str], deque[Rate]] = defaultdict(lambda: deque(maxlen=_SAMPLES))
    looks = look_at_all(addresses, token, connections)
    console = Console()
    with Live(screen(looks, history, connections), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            before, looks = looks, look_at_all(addresses, token, connections)
            for key, rate in rates(before, looks).items():
                history[key].append(rate)
            live.update(screen(looks, history, connections), refresh=True)
