from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.observe.log_limit import BURST, MAX_KINDS, WINDOW, HeldBack, RepeatLimiter

REFUSED = ("wormhole.net", "refused")
OTHER = ("wormhole.net", "other")


def test_the_first_few_pass_and_the_rest_is_counted_once() -> None:
    limiter = RepeatLimiter()
    assert [limiter.passes(REFUSED, 1.0) for _ in range(BURST + 3)] == [True] * BURST + [False] * 3
    assert limiter.passes(OTHER, 1.0)
    assert limiter.next_deadline() == 1.0 + WINDOW
    assert limiter.ended(1.0 + WINDOW - 0.001) == []
    assert limiter.ended(1.0 + WINDOW) == [HeldBack(REFUSED, 3)]
    assert limiter.ended(1.0 + WINDOW) == []
    assert limiter.next_deadline() is None


def test_a_new_window_begins_afresh() -> None:
    limiter = RepeatLimiter()
    for _ in range(BURST + 1):
        limiter.passes(REFUSED, 0.0)
    limiter.ended(WINDOW)
    assert limiter.passes(REFUSED, WINDOW)


def test_what_was_not_held_back_is_not_mentioned() -> None:
    limiter = RepeatLimiter()
    assert limiter.passes(REFUSED, 0.0)
    assert limiter.next_deadline() is None
    assert limiter.ended(float("inf")) == []


def test_memory_is_bounded_and_nothing_new_is_lost() -> None:
    limiter = RepeatLimiter()
    for number in range(MAX_KINDS):
        assert limiter.passes(("wormhole", str(number)), 0.0)
    assert all(limiter.passes(OTHER, 0.0) for _ in range(BURST + 1))
    limiter.ended(WINDOW)
    assert [limiter.passes(OTHER, WINDOW) for _ in range(BURST + 1)] == [True] * BURST + [False]


@given(st.lists(st.tuples(st.sampled_from([REFUSED, OTHER]), st.floats(0, 30)), max_size=200))
def test_every_record_passes_or_is_counted(events: list[tuple[tuple[str, str], float]]) -> None:
    limiter = RepeatLimiter()
    passed = held_back = 0
    for kind, now in sorted(events, key=lambda event: event[1]):
        held_back += sum(each.count for each in limiter.ended(now))
        passed += limiter.passes(kind, now)
    held_back += sum(each.count for each in limiter.ended(float("inf")))
    assert passed + held_back == len(events)
