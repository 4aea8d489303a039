"""Ticks of constant framing, and the size of records on a slow path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.limits import INTERACTIVE_IN_FLIGHT, MAX_RECORD_WIRE, MIN_PACED_RECORD, PACED_RECORD_TIME
from wormhole_tunnel.session.pacing import InFlightLimit, RecordPacer, Ticker


def test_a_tick_is_taken_once_and_not_before_its_time() -> None:
    ticker = Ticker(0.010, 100.0)
    assert not ticker.take(100.009)
    assert ticker.take(100.010)
    assert not ticker.take(100.010)
    assert ticker.next_tick == pytest.approx(100.020)


@given(st.floats(0.005, 60), st.lists(st.floats(0, 100), max_size=50))
def test_at_most_one_record_leaves_for_each_interval(interval: float, waits: list[float]) -> None:
    ticker = Ticker(interval, 0.0)
    now, taken = 0.0, 0
    for wait in waits:
        now += wait
        taken += ticker.take(now)
        assert now < ticker.next_tick + interval * 1e-6
    assert taken <= now / interval + 1e-6


def test_records_stay_large_while_the_path_takes_all() -> None:
    pacer = RecordPacer()
    for _ in range(10):
        assert pacer.delivered(MAX_RECORD_WIRE, 0.5) == MAX_RECORD_WIRE


def test_a_slow_path_gets_records_of_ten_milliseconds() -> None:
    pacer = RecordPacer()
    rate = 10_000_000
    for _ in range(3):
        pacer.path_full()
        pacer.delivered(200_000, 200_000 / rate)
    assert pacer.size == pytest.approx(rate * PACED_RECORD_TIME)


def test_records_never_shrink_below_their_least_size() -> None:
    pacer = RecordPacer()
    pacer.path_full()
    assert pacer.delivered(1000, 10.0) == MIN_PACED_RECORD


def test_records_grow_again_when_the_path_takes_all() -> None:
    pacer = RecordPacer()
    pacer.path_full()
    pacer.delivered(1000, 10.0)
    sizes = [pacer.delivered(1000, 0.001) for _ in range(6)]
    assert sizes == [min(MIN_PACED_RECORD << doublings, MAX_RECORD_WIRE) for doublings in range(1, 7)]


def test_one_odd_sample_does_not_decide() -> None:
    pacer = RecordPacer()
    for _ in range(10):
        pacer.path_full()
        pacer.delivered(100_000, 0.01)
    pacer.path_full()
    pacer.delivered(100, 1.0)
    assert pacer.size == pytest.approx(75_000, rel=0.01)


def test_an_acknowledgement_in_no_time_tells_no_rate() -> None:
    pacer = RecordPacer()
    pacer.path_full()
    assert pacer.delivered(1000, 0.0) == MAX_RECORD_WIRE


def test_a_path_of_which_nothing_is_known_may_hold_the_least() -> None:
    limit = InFlightLimit()
    limit.delivered(1_000_000, 0.0)
    assert limit.limit(10.0) == INTERACTIVE_IN_FLIGHT


def test_as_much_may_be_under_way_as_the_path_holds_and_a_little() -> None:
    limit = InFlightLimit()
    limit.delivered(1_000_000, 0.1)
    assert limit.limit(0.2) == pytest.approx(2_500_000)
    assert limit.limit(0.001) == INTERACTIVE_IN_FLIGHT


def test_a_rate_that_is_not_reached_again_is_forgotten_slowly() -> None:
    limit = InFlightLimit()
    limit.delivered(1_000_000, 0.1)
    limit.delivered(1, 0.1)
    after_one = limit.limit(0.2)
    assert 2_400_000 < after_one < 2_500_000
    for _ in range(500):
        limit.delivered(1, 0.1)
    assert limit.limit(0.2) == INTERACTIVE_IN_FLIGHT
