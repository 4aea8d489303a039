"""The path between the proxies: rate, delay, order, and how far it may run ahead or behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.path import AHEAD, CATCH_UP, DelayLine, Rate

RATE = 1_000_000.0
DELAY = 0.025
START = 1000.0


def deliver(line: DelayLine, now: float) -> bytes:
    out = b""
    while (chunk := line.arrived(now)) is not None:
        out += chunk
        line.consume(len(chunk))
    return out


def test_a_byte_arrives_after_the_delay_and_not_before() -> None:
    line = DelayLine(Rate(RATE), DELAY, 1_000_000)
    line.push(b"x", START)
    due = line.next_time()
    assert due is not None
    assert due == pytest.approx(START + DELAY)
    assert line.arrived(START + DELAY / 2) is None
    assert deliver(line, due) == b"x"
    assert line.next_time() is None


@given(st.lists(st.integers(min_value=1, max_value=5_000), min_size=1, max_size=200))
def test_the_rate_holds_whatever_the_sizes(sizes: list[int]) -> None:
    """What is pushed at once leaves as the rate allows, but for what a late process may catch up."""
    line = DelayLine(Rate(RATE), DELAY, 10**9)
    for size in sizes:
        line.push(bytes(size), START)
    last = START + DELAY + max(0.0, sum(sizes) / RATE - CATCH_UP)
    early = len(deliver(line, last - 1e-6))
    late = len(deliver(line, last + 1e-6))
    assert late >= sizes[-1]
    assert early + late == sum(sizes)


def test_connections_share_the_rate() -> None:
    rate = Rate(RATE)
    first, second = DelayLine(rate, DELAY, 10**9), DelayLine(rate, DELAY, 10**9)
    first.push(bytes(int(RATE)), START)
    second.push(b"x", START)
    due = second.next_time()
    assert due is not None
    assert due == pytest.approx(START + 1.0 - CATCH_UP + DELAY, abs=1e-5)


def test_room_is_what_leaves_soon() -> None:
    rate = Rate(RATE)
    assert rate.room(START) == pytest.approx((AHEAD + CATCH_UP) * RATE, abs=1)
    rate.departure(START, rate.room(START))
    assert rate.room(START) == 0
    assert rate.room(START + 0.01) == pytest.approx(0.01 * RATE, abs=2)


def test_a_receiver_far_behind_stops_the_sender() -> None:
    line = DelayLine(Rate(RATE), DELAY, 1000)
    line.push(bytes(1000), START)
    later = START + 60.0
    assert line.room(later) == 0
    line.consume(1)
    assert line.room(later) > 0


def test_a_chunk_taken_in_part_keeps_its_rest_and_its_place() -> None:
    line = DelayLine(Rate(RATE), DELAY, 10**9)
    line.push(b"abc", START)
    line.push(b"de", START)
    line.consume(2)
    assert deliver(line, START + 1.0) == b"cde"


def test_the_end_travels_like_the_bytes() -> None:
    line = DelayLine(Rate(RATE), DELAY, 10**9)
    line.push(b"", START)
    assert line.arrived(START) is None
    end = line.arrived(START + DELAY)
    assert end is not None
    assert len(end) == 0
