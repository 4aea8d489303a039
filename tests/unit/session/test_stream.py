"""One stream's counters, at the edges that a whole session seldom stands on."""

from __future__ import annotations

import pytest

from wormhole_tunnel.limits import INITIAL_WINDOW, MAX_WINDOW
from wormhole_tunnel.session.stream import Stream


def blocked_stream() -> Stream:
    """Everything that may be sent was sent, and more is wanted."""
    stream = Stream(1, send_limit=100, now=0.0)
    stream.sent = 100
    stream.blocked = True
    return stream


def test_a_single_byte_of_credit_unblocks_and_is_told_once() -> None:
    stream = blocked_stream()
    assert stream.receive_window(101)
    assert not stream.blocked
    assert not stream.receive_window(102)
    assert stream.credit == 2


@pytest.mark.parametrize("limit", [0, 99, 100])
def test_a_window_that_is_old_news_unblocks_nothing(limit: int) -> None:
    stream = blocked_stream()
    assert not stream.receive_window(limit)
    assert stream.blocked
    assert stream.credit == 0


@pytest.mark.parametrize(
    ("after", "round_trip", "grows"),
    [
        (0.005, 0.0, True),
        (0.0051, 0.0, False),
        (0.2, 0.1, True),
        (0.21, 0.1, False),
        (0.006, 0.003, True),
        (0.0061, 0.003, False),
    ],
)
def test_half_a_window_that_is_used_up_within_two_round_trips_makes_it_grow(
    after: float, round_trip: float, grows: bool
) -> None:
    stream = Stream(1, INITIAL_WINDOW, now=0.0)
    assert stream.wanted_growth(after, round_trip) == (3 * INITIAL_WINDOW if grows else 0)


def test_a_window_grows_to_its_bound_and_no_further() -> None:
    stream = Stream(1, INITIAL_WINDOW, now=0.0)
    stream.raise_window(MAX_WINDOW // 2 - INITIAL_WINDOW, now=1.0)
    assert stream.wanted_growth(1.0, 0.0) == MAX_WINDOW // 2
    stream.raise_window(MAX_WINDOW // 2, now=2.0)
    assert stream.wanted_growth(2.0, 0.0) == 0
