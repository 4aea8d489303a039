"""What is asked of wormhole: the table of bars, and the verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from benchmarks.metrics import BY_KEY, Better

SUBJECT = "wormhole"
# `ssh -L` is measured for its users' sake; no proxy is the limit. Neither is a proxy that one would choose for speed.
RIVALS = ("stunnel", "haproxy", "nginx", "spiped")

Medians = Mapping[str, Mapping[str, float]]
"""Metric key, then peer name, then median."""


class Kind(Enum):
    """How a bar's number reads."""

    RATIO = "of the best rival"
    ABSOLUTE = "by itself"


@dataclass(frozen=True, slots=True)
class Bar:
    """A demand on one metric: `limit` is a ratio to the best rival, or a value of the metric's own unit."""

    metric: str
    kind: Kind
    limit: float

    def describe(self) -> str:
        """Return the demand as the reports show it."""
        metric = BY_KEY[self.metric]
        sign = ">=" if metric.better is Better.HIGHER else "<="
        if self.kind is Kind.RATIO:
            return f"{sign} {self.limit:.2f} x"
        return f"{sign} {self.limit:g} {metric.unit}".rstrip()


BARS: tuple[Bar, ...] = (
    Bar("bulk_up_1", Kind.RATIO, 1.25),
    Bar("bulk_down_1", Kind.RATIO, 1.25),
    Bar("redis_p1", Kind.RATIO, 1.4),
    Bar("redis_p16", Kind.RATIO, 1.4),
    Bar("connections", Kind.RATIO, 1.7),
    Bar("rtt_p50", Kind.RATIO, 1.0),
    Bar("beside_up_p50", Kind.RATIO, 1.0),
    Bar("beside_up_p99", Kind.RATIO, 1.0),
    Bar("beside_up_bulk", Kind.RATIO, 1.25),
    Bar("beside_down_p50", Kind.RATIO, 1.0),
    Bar("beside_down_p99", Kind.RATIO, 1.0),
    Bar("beside_down_bulk", Kind.RATIO, 1.25),
    Bar("memory_10000", Kind.ABSOLUTE, 8.0),
    Bar("cpu_up", Kind.RATIO, 0.8),
    Bar("cpu_down", Kind.RATIO, 0.8),
    Bar("path_up", Kind.ABSOLUTE, 0.9),
    Bar("path_down", Kind.ABSOLUTE, 0.9),
    Bar("fairness_up", Kind.ABSOLUTE, 0.8),
    Bar("fairness_down", Kind.ABSOLUTE, 0.8),
    Bar("status_alone", Kind.ABSOLUTE, 1.0),
    Bar("status_page", Kind.ABSOLUTE, 1.0),
    Bar("startup", Kind.ABSOLUTE, 0.15),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar beside what was measured; `rival` is None where nothing was there to compare with."""

    bar: Bar
    value: float
    rival: str | None
    ratio: float | None
    met: bool


def judge(medians: Medians) -> list[Verdict]:
    """Return a verdict on each bar that the medians allow to judge."""
    return [verdict for bar in BARS if (verdict := _judge_one(bar, medians.get(bar.metric, {}))) is not None]


def _judge_one(bar: Bar, values: Mapping[str, float]) -> Verdict | None:
    if SUBJECT not in values:
        return None
    value, rival = values[SUBJECT], best_rival(bar.metric, values)
    ratio = value / values[rival] if rival is not None and values[rival] > 0 else None
    judged = value if bar.kind is Kind.ABSOLUTE else ratio
    if judged is None:
        return None
    met = judged >= bar.limit if BY_KEY[bar.metric].better is Better.HIGHER else judged <= bar.limit
    return Verdict(bar, value, rival, ratio, met)


def best_rival(metric: str, values: Mapping[str, float]) -> str | None:
    """Return the rival with the best value of `metric`, or None when no rival has one."""
    present = {name: values[name] for name in RIVALS if name in values}
    if not present:
        return None
    best = BY_KEY[metric].better.best(list(present.values()))
    return next(name for name, value in present.items() if value == best)
