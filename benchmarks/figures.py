"""The little statistics that the suite needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Return the nearest-rank percentile of `ordered` values (0 < fraction <= 1); ValueError if there are none."""
    if not ordered:
        raise ValueError("no values to take a percentile of")
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)]


def fairness(rates: Sequence[float]) -> float:
    """Return the slowest rate as a part of the mean: 1.0 is perfectly fair, 0.0 starves one."""
    mean = sum(rates) / len(rates)
    return min(rates) / mean if mean > 0 else 0.0


def medians_of(samples: Mapping[str, Mapping[str, Iterable[float]]]) -> dict[str, dict[str, float]]:
    """Return the median of each list of samples, under the same two keys."""
    return {metric: {peer: median(values) for peer, values in by_peer.items()} for metric, by_peer in samples.items()}
