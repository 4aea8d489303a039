"""The statistics of the benchmark suite."""

from __future__ import annotations

import pytest

from benchmarks.figures import fairness, medians_of, percentile


@pytest.mark.parametrize(("fraction", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_nearest_rank(fraction: float, expected: int) -> None:
    assert percentile(range(1, 101), fraction) == expected


def test_percentile_of_one_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@pytest.mark.parametrize(("rates", "expected"), [([3.0, 3.0], 1.0), ([1.0, 3.0], 0.5), ([0.0, 4.0], 0.0), ([0.0], 0.0)])
def test_fairness_is_the_slowest_beside_the_mean(rates: list[float], expected: float) -> None:
    assert fairness(rates) == expected


def test_an_outlier_leaves_the_median() -> None:
    assert medians_of({"m": {"a": [1.0, 2.0, 99.0], "b": [4.0, 6.0]}}) == {"m": {"a": 2.0, "b": 5.0}}
