"""Verdicts: which way is better, which peers count as rivals, and what can't be judged."""

from __future__ import annotations

import pytest

from benchmarks.bars import BARS, Kind, best_rival, judge
from benchmarks.metrics import BY_KEY, METRICS


def verdict(metric: str, **values: float) -> bool:
    (only,) = judge({metric: values})
    return only.met


def test_each_bar_names_a_metric_and_each_metric_is_there_once() -> None:
    assert {bar.metric for bar in BARS} <= set(BY_KEY)
    assert len({bar.metric for bar in BARS}) == len(BARS)
    assert len(BY_KEY) == len(METRICS)


@pytest.mark.parametrize(("ours", "met"), [(12_500.0, True), (12_499.0, False)])
def test_a_rate_must_exceed_the_best_rival(ours: float, *, met: bool) -> None:
    assert verdict("bulk_up_1", wormhole=ours, nginx=10_000.0, stunnel=3_000.0) is met


@pytest.mark.parametrize(("ours", "met"), [(0.8, True), (0.81, False)])
def test_a_cost_must_undercut_the_cheapest_rival(ours: float, *, met: bool) -> None:
    assert verdict("cpu_up", wormhole=ours, nginx=1.0, spiped=7.0) is met


def test_neither_ssh_nor_no_proxy_is_a_rival() -> None:
    assert best_rival("redis_p1", {"ssh": 9.0, "direct": 10.0, "haproxy": 2.0}) == "haproxy"
    assert best_rival("redis_p1", {"ssh": 9.0, "direct": 10.0}) is None


@pytest.mark.parametrize(("ours", "met"), [(8.0, True), (8.1, False)])
def test_an_absolute_bar_needs_no_rival(ours: float, *, met: bool) -> None:
    assert verdict("memory_10000", wormhole=ours) is met
    assert verdict("memory_10000", wormhole=ours, spiped=1.0) is met


def test_a_ratio_without_a_rival_is_no_verdict() -> None:
    assert judge({"bulk_up_1": {"wormhole": 5.0, "ssh": 1.0}}) == []


def test_nothing_is_judged_without_wormhole() -> None:
    assert judge({"bulk_up_1": {"nginx": 5.0}}) == []


def test_a_verdict_names_rival_and_ratio() -> None:
    (only,) = judge({"redis_p16": {"wormhole": 3.0, "nginx": 2.0, "haproxy": 1.0}})
    assert (only.rival, only.ratio, only.met) == ("nginx", 1.5, True)


def test_a_bar_reads_as_it_is_meant() -> None:
    texts = {bar.metric: bar.describe() for bar in BARS}
    assert texts["cpu_up"] == "<= 0.80 x"
    assert texts["memory_10000"] == "<= 8 KiB"
    assert texts["fairness_up"] == ">= 0.8"
    assert {bar.kind for bar in BARS} == set(Kind)
