"""What is measured: one row for each figure, with its unit and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Better(Enum):
    """Which way a figure improves."""

    HIGHER = "higher"
    LOWER = "lower"

    def best(self, values: list[float]) -> float:
        """Return the best of `values`, which may not be empty."""
        return max(values) if self is Better.HIGHER else min(values)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that a workload yields."""

    key: str
    title: str
    unit: str
    better: Better
    decimals: int = 0

    def format(self, value: float) -> str:
        """Return `value` as the reports show it, without the unit."""
        return f"{value:,.{self.decimals}f}"


_HIGHER, _LOWER = Better.HIGHER, Better.LOWER

METRICS: tuple[Metric, ...] = (
    Metric("bulk_up_1", "Bulk up, 1 stream", "Gb/s", _HIGHER, 2),
    Metric("bulk_down_1", "Bulk down, 1 stream", "Gb/s", _HIGHER, 2),
    Metric("bulk_up_8", "Bulk up, 8 streams", "Gb/s", _HIGHER, 2),
    Metric("bulk_down_8", "Bulk down, 8 streams", "Gb/s", _HIGHER, 2),
    Metric("fairness_up", "Slowest of 8 streams / mean, up", "", _HIGHER, 2),
    Metric("fairness_down", "Slowest of 8 streams / mean, down", "", _HIGHER, 2),
    Metric("cpu_up", "Processor time of both proxies, up", "s/GB", _LOWER, 2),
    Metric("cpu_down", "Processor time of both proxies, down", "s/GB", _LOWER, 2),
    Metric("redis_p1", "Redis GET, 50 clients, no pipeline", "op/s", _HIGHER),
    Metric("redis_p16", "Redis GET, 50 clients, pipeline 16", "op/s", _HIGHER),
    Metric("connections", "New connections", "1/s", _HIGHER),
    Metric("rtt_p50", "Round trip of 64 bytes, p50", "us", _LOWER),
    Metric("rtt_p99", "Round trip of 64 bytes, p99", "us", _LOWER),
    Metric("beside_up_p50", "Round trip beside bulk up, p50", "us", _LOWER),
    Metric("beside_up_p99", "Round trip beside bulk up, p99", "us", _LOWER),
    Metric("beside_up_bulk", "The bulk up beside it", "Gb/s", _HIGHER, 2),
    Metric("beside_down_p50", "Round trip beside bulk down, p50", "us", _LOWER),
    Metric("beside_down_p99", "Round trip beside bulk down, p99", "us", _LOWER),
    Metric("beside_down_bulk", "The bulk down beside it", "Gb/s", _HIGHER, 2),
    Metric("path_up", "50 ms, 1 Gb/s path, 1 stream up", "Gb/s", _HIGHER, 3),
    Metric("path_down", "50 ms, 1 Gb/s path, 1 stream down", "Gb/s", _HIGHER, 3),
    Metric("memory_1000", "Memory an idle connection, of 1,000", "KiB", _LOWER, 1),
    Metric("memory_10000", "Memory an idle connection, of 10,000", "KiB", _LOWER, 1),
    Metric("status_alone", "Processor share that --status takes", "%", _LOWER, 2),
    Metric("status_page", "The same with a page open", "%", _LOWER, 2),
    Metric("startup", "wormhole --help", "s", _LOWER, 3),
    Metric("startup_python", "The interpreter alone", "s", _LOWER, 3),
)

BY_KEY: dict[str, Metric] = {metric.key: metric for metric in METRICS}
