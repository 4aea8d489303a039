"""Comparing two samples without assuming what they look like: the test of Kolmogorov and Smirnov."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence


def largest_difference(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest distance between the two empirical distribution functions, 0 to 1."""
    one, other = sorted(one), sorted(other)
    return max(
        abs(bisect_right(one, value) / len(one) - bisect_right(other, value) / len(other)) for value in (*one, *other)
    )


def critical_difference(one: int, other: int, false_alarms: float) -> float:
    """What the largest difference of two samples of these sizes exceeds by chance in this share of cases."""
    return math.sqrt(-math.log(false_alarms / 2) / 2 * (one + other) / (one * other))
