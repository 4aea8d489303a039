"""From what passed to what it tells: bursts, their sizes, the pauses between them, volume over time. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from wormhole_tunnel.cli.observe.capture import Passage

BURST_GAP: Final = 0.001  # seconds; bytes of one direction closer than this are one burst


@dataclass(frozen=True, slots=True)
class Burst:
    """Bytes that an observer takes for one message. Seconds, bytes."""

    at: float
    size: int
    upward: bool


def bursts_of(passages: Iterable[Passage]) -> list[Burst]:
    """Join what follows closely in one direction. Ordered by time."""
    bursts: list[Burst] = []
    for upward in (True, False):
        bursts += _bursts_one_way([each for each in passages if each.upward is upward])
    return sorted(bursts, key=lambda burst: burst.at)


def _bursts_one_way(passages: Sequence[Passage]) -> list[Burst]:
    bursts: list[Burst] = []
    last = 0.0
    for passage in passages:
        if bursts and passage.at - last < BURST_GAP:
            begun = bursts[-1]
            bursts[-1] = Burst(begun.at, begun.size + passage.size, begun.upward)
        else:
            bursts.append(Burst(passage.at, passage.size, passage.upward))
        last = passage.at
    return bursts


def size_histogram(bursts: Iterable[Burst]) -> list[tuple[int, int]]:
    """For each power of two that is the upper bound of a burst's size in bytes, how many there were."""
    counts = Counter(max(0, burst.size - 1).bit_length() for burst in bursts)
    return [(1 << bits, counts[bits]) for bits in range(min(counts), max(counts) + 1)] if counts else []


def pauses(bursts: Sequence[Burst]) -> list[float]:
    """Seconds between one burst and the next, in one direction or the other, shortest first."""
    return sorted(later.at - earlier.at for earlier, later in pairwise(bursts))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of an ordered sequence lies; 0 for an empty one."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def volume(passages: Iterable[Passage], seconds: float, columns: int) -> list[int]:
    """Bytes both ways in each of `columns` equal parts of the time."""
    parts = [0] * columns
    for passage in passages:
        parts[min(columns - 1, int(passage.at / seconds * columns))] += passage.size
    return parts


@dataclass(frozen=True, slots=True)
class Summary:
    """What a capture tells in numbers. Sizes in bytes, pauses in seconds."""

    total: int
    upward_bursts: int
    downward_bursts: int
    distinct_sizes: int
    shortest_pause: float  # a twentieth of the pauses are shorter
    median_pause: float
    longest_pause: float  # a twentieth are longer


def summarise(passages: Sequence[Passage]) -> Summary:
    """The numbers of a capture."""
    bursts = bursts_of(passages)
    gaps = pauses(bursts)
    return Summary(
        sum(passage.size for passage in passages),
        sum(burst.upward for burst in bursts),
        sum(not burst.upward for burst in bursts),
        len({burst.size for burst in bursts}),
        quantile(gaps, 0.05),
        quantile(gaps, 0.5),
        quantile(gaps, 0.95),
    )
