"""A capture as lines of text: burst sizes, pauses, volume over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wormhole_tunnel.cli.observe.analysis import bursts_of, pauses, quantile, size_histogram, summarise, volume
from wormhole_tunnel.cli.observe.capture import Passage
from wormhole_tunnel.cli.observe.comparison import Observation
from wormhole_tunnel.config.values import format_size

_BARS: Final = " ▁▂▃▄▅▆▇█"
_LABEL: Final = 12  # columns in front of a bar
_QUANTILES: Final = ((0.05, "5 in 100 shorter"), (0.5, "median"), (0.95, "5 in 100 longer"))


def capture_lines(passages: Sequence[Passage], seconds: float, width: int) -> Iterator[str]:
    """All that a capture tells, in lines of at most `width` columns."""
    summary = summarise(passages)
    bursts = bursts_of(passages)
    yield f"{summary.total:,} bytes in {seconds:.1f} s"
    yield f"{summary.upward_bursts} bursts up, {summary.downward_bursts} down, of {summary.distinct_sizes} different sizes"
    for upward, name in ((True, "up"), (False, "down")):
        yield ""
        yield f"sizes of bursts {name}"
        yield from _histogram(size_histogram([burst for burst in bursts if burst.upward is upward]), width)
    yield ""
    yield "pauses between bursts"
    gaps = pauses(bursts)
    for share, name in _QUANTILES:
        yield f"{quantile(gaps, share) * 1000:>{_LABEL - 3}.1f} ms  {name}"
    yield ""
    yield "volume over time"
    yield sparkline(volume(passages, max(seconds, 0.001), width))


def _histogram(counts: Iterable[tuple[int, int]], width: int) -> Iterator[str]:
    counts = list(counts)
    most = max((count for _, count in counts), default=1)
    room = width - _LABEL - len(f"  {most}")
    for bound, count in counts:
        bar = "█" * round(count / most * room)
        yield f"{'<= ' + format_size(bound):>{_LABEL - 1}} {bar or ('▏' if count else '')} {count or ''}".rstrip()


def sparkline(values: Sequence[int]) -> str:
    """A row of bars, the highest for the largest value; every value above zero shows."""
    most = max(values, default=0) or 1
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] for value in values)


def comparison_lines(observations: Sequence[Observation]) -> Iterator[str]:
    """A table: for each workload and framing what it cost, and what it showed."""
    yield f"{'':<16}{'framing':<10}{'bytes':>11}{'bursts':>9}{'sizes':>7}   pauses: usual, and the longest twentieth"
    for workload in dict.fromkeys(each.workload for each in observations):
        for index, each in enumerate(each for each in observations if each.workload == workload):
            summary = each.summary
            bursts = summary.upward_bursts + summary.downward_bursts
            pause = f"{summary.median_pause * 1000:.0f} ms, {summary.longest_pause * 1000:.0f} ms"
            name = "" if index else workload
            mode = each.framing.name.lower()
            yield f"{name:<16}{mode:<10}{summary.total:>11,}{bursts:>9}{summary.distinct_sizes:>7}   {pause}"
