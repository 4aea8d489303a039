"""Looks at the proxies once a second: throughput of the last minutes, and how late the event loop is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.net import clock
from wormhole_tunnel.observe.snapshot import Observable

INTERVAL: Final = 1.0  # seconds
SAMPLES_KEPT: Final = 300
_LAGS_KEPT: Final = 15


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes per second in each direction at a time (Unix seconds), all proxies together."""

    time: float
    to_server: float
    to_client: float


class Sampler:
    """Samples from its start to `close`; then calls `on_sample`."""

    def __init__(self, proxies: Sequence[Observable], on_sample: Callable[[], None]) -> None:
        self.samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._proxies = proxies
        self._on_sample = on_sample
        self._lags: deque[float] = deque(maxlen=_LAGS_KEPT)
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time()
        self._bytes = self._count()
        self._timer = self._loop.call_at(self._time + INTERVAL, self._tick)

    @property
    def lag(self) -> float:
        """The longest that the loop was late within the last seconds, in seconds."""
        return max(self._lags, default=0.0)

    def close(self) -> None:
        """Stop."""
        self._timer.cancel()

    def _count(self) -> tuple[int, int]:
        totals = [proxy.snapshot().totals for proxy in self._proxies]
        return sum(each.to_server_bytes for each in totals), sum(each.to_client_bytes for each in totals)

    def _tick(self) -> None:
        now = self._loop.time()
        elapsed = now - self._time
        self._lags.append(max(0.0, elapsed - INTERVAL))
        up, down = self._count()
        sample = Sample(clock.unix_ms() / 1000, (up - self._bytes[0]) / elapsed, (down - self._bytes[1]) / elapsed)
        self._time, self._bytes = now, (up, down)
        self._timer = self._loop.call_at(now + INTERVAL, self._tick)
        self.samples.append(sample)
        self._on_sample()
