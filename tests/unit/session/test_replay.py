"""The replay cache: once is fine, twice is not, far-off clocks are told, and memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.limits import HANDSHAKE_RATE, MAX_SKEW, REPLAY_CACHE_TAGS
from wormhole_tunnel.session.replay import ReplayCache, Verdict

UNIX_MS = 1_800_000_000_000
TAG = b"t" * 16


def tag(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_a_tag_is_good_once() -> None:
    cache = ReplayCache()
    assert cache.check_and_add(TAG, UNIX_MS, UNIX_MS, 0.0) is Verdict.OK
    assert cache.check_and_add(TAG, UNIX_MS, UNIX_MS, 1.0) is Verdict.REPLAY
    assert cache.check_and_add(tag(1), UNIX_MS, UNIX_MS, 1.0) is Verdict.OK


@pytest.mark.parametrize(
    ("ahead_ms", "verdict"),
    [
        (0, Verdict.OK),
        (300_000, Verdict.OK),
        (-300_000, Verdict.OK),
        (300_001, Verdict.SKEWED),
        (-300_001, Verdict.SKEWED),
    ],
)
def test_clocks_may_differ_by_300_seconds(ahead_ms: int, verdict: Verdict) -> None:
    assert ReplayCache().check_and_add(TAG, UNIX_MS + ahead_ms, UNIX_MS, 0.0) is verdict


def test_a_skewed_message_is_answered_only_once() -> None:
    cache = ReplayCache()
    assert cache.check_and_add(TAG, 0, UNIX_MS, 0.0) is Verdict.SKEWED
    assert cache.check_and_add(TAG, 0, UNIX_MS, 1.0) is Verdict.REPLAY


@given(st.floats(-MAX_SKEW, MAX_SKEW), st.floats(0, 4 * MAX_SKEW))
def test_whatever_the_clocks_a_replay_is_never_ok(ahead: float, later: float) -> None:
    cache = ReplayCache()
    theirs = UNIX_MS + int(ahead * 1000)
    assert cache.check_and_add(TAG, theirs, UNIX_MS, 0.0) is Verdict.OK
    assert cache.check_and_add(TAG, theirs, UNIX_MS + int(later * 1000), later) is not Verdict.OK


def test_old_tags_are_forgotten_when_their_clock_can_no_longer_be_right() -> None:
    cache = ReplayCache()
    for number in range(10):
        cache.check_and_add(tag(number), UNIX_MS, UNIX_MS, float(number))
    cache.check_and_add(TAG, UNIX_MS, UNIX_MS, 605.0)
    assert len(cache) == 6


def test_the_capacity_holds_all_that_the_rate_lets_in() -> None:
    assert HANDSHAKE_RATE * 2 * MAX_SKEW <= REPLAY_CACHE_TAGS


@pytest.mark.parametrize("max_skew", [0.0, MAX_SKEW])
def test_the_oldest_gives_way_when_full(max_skew: float) -> None:
    cache = ReplayCache(max_skew, capacity=3)
    for number in range(4):
        assert cache.check_and_add(tag(number), UNIX_MS, UNIX_MS, 0.0) is Verdict.OK
    assert len(cache) == 3
    assert cache.check_and_add(tag(1), UNIX_MS, UNIX_MS, 0.0) is Verdict.REPLAY
    assert cache.check_and_add(tag(0), UNIX_MS, UNIX_MS, 0.0) is Verdict.OK


def test_without_a_clock_check_any_time_is_good_and_no_tag_expires() -> None:
    cache = ReplayCache(max_skew=0)
    assert cache.check_and_add(TAG, 0, UNIX_MS, 0.0) is Verdict.OK
    assert cache.check_and_add(TAG, 0, UNIX_MS, 1e9) is Verdict.REPLAY


def test_without_a_clock_check_the_last_65_536_tags_are_held() -> None:
    cache = ReplayCache(max_skew=0)
    for number in range(REPLAY_CACHE_TAGS + 1):
        cache.check_and_add(tag(number), 0, 0, 0.0)
    assert len(cache) == 65_536
    assert cache.check_and_add(tag(1), 0, 0, 0.0) is Verdict.REPLAY
