"""From what passed to bursts, sizes, pauses and volume."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.cli.observe.analysis import (
    BURST_GAP,
    Burst,
    bursts_of,
    pauses,
    quantile,
    size_histogram,
    summarise,
    volume,
)
from wormhole_tunnel.cli.observe.capture import Passage

PASSAGES = st.lists(
    st.builds(Passage, st.floats(0, 10, allow_nan=False), st.integers(1, 300_000), st.booleans()), max_size=50
).map(lambda passages: sorted(passages, key=lambda passage: passage.at))


def test_what_follows_closely_in_one_direction_is_one_burst() -> None:
    passages = [
        Passage(1.0, 100, upward=True),
        Passage(1.0 + BURST_GAP / 2, 50, upward=True),
        Passage(1.0 + BURST_GAP / 2, 7, upward=False),
        Passage(2.0, 1, upward=True),
    ]
    assert bursts_of(passages) == [
        Burst(1.0, 150, upward=True),
        Burst(1.0 + BURST_GAP / 2, 7, upward=False),
        Burst(2.0, 1, upward=True),
    ]


def test_a_gap_is_counted_from_the_end_of_a_burst_not_its_beginning() -> None:
    passages = [Passage(index * BURST_GAP * 0.9, 1, upward=True) for index in range(10)]
    assert bursts_of(passages) == [Burst(0.0, 10, upward=True)]


@given(PASSAGES)
def test_no_byte_is_lost_on_the_way_to_bursts_and_volume(passages: list[Passage]) -> None:
    total = sum(passage.size for passage in passages)
    bursts = bursts_of(passages)
    assert sum(burst.size for burst in bursts) == total
    assert sum(volume(passages, 10.0, 7)) == total
    assert sum(count for _, count in size_histogram(bursts)) == len(bursts)
    assert summarise(passages).total == total
    assert pauses(bursts) == sorted(pauses(bursts))
    assert all(gap >= 0 for gap in pauses(bursts))


def test_a_histogram_has_a_place_for_each_power_of_two_between_the_smallest_and_the_largest() -> None:
    bursts = [Burst(0, size, upward=True) for size in (1024, 1024, 1025, 5000)]
    assert size_histogram(bursts) == [(1024, 2), (2048, 1), (4096, 0), (8192, 1)]
    assert size_histogram([]) == []


def test_quantiles() -> None:
    assert quantile([], 0.5) == 0.0
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0], 1.0) == 3.0
