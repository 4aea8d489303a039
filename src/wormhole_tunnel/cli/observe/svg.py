"""The comparison as a picture: a row for each framing, a column for each workload, a stroke for each burst."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from wormhole_tunnel.cli.observe.analysis import bursts_of
from wormhole_tunnel.cli.observe.comparison import Observation

_LEFT, _TOP, _GAP = 92, 74, 18
_CELL_WIDTH, _CELL_HEIGHT = 270, 96
_LARGEST: Final = 1 << 20  # bytes; the height of a cell, on a logarithmic scale from 16
_SMALLEST: Final = 16

_LEGEND: Final = (
    "Each stroke is a burst: time from left to right, size by its height (16 bytes to 1 MiB, logarithmic). "
    "Blue goes to the server, orange comes back."
)
_STYLE: Final = """
    text { font: 13px system-ui, sans-serif; fill: #1f2933 }
    .small { font-size: 11px; fill: #66727f }
    .title { font-size: 15px; font-weight: 600 }
    .cell { fill: #f5f7f9 } .axis { stroke: #c5cdd5 }
    .up { stroke: #2563c9 } .down { stroke: #d2691e }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4e9ee } .small { fill: #9aa6b2 } .cell { fill: #1c232b } .axis { stroke: #3c4753 }
      .up { stroke: #6ea8fe } .down { stroke: #ffa45c }
    }
"""


def comparison_svg(observations: Sequence[Observation]) -> str:
    """The whole picture; light and dark."""
    workloads = list(dict.fromkeys(each.workload for each in observations))
    framings = list(dict.fromkeys(each.framing for each in observations))
    width = _LEFT + len(workloads) * (_CELL_WIDTH + _GAP)
    height = _TOP + len(framings) * (_CELL_HEIGHT + 2 * _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>What an observer of the link sees under each framing</title>",
        f"<style>{_STYLE}</style>",
        '<text x="12" y="24" class="title">What an observer of the link sees</text>',
        f'<text x="12" y="42" class="small">{_LEGEND}</text>',
    ]
    parts += [
        f'<text x="{_LEFT + column * (_CELL_WIDTH + _GAP)}" y="{_TOP - 10}">{escape(name)}</text>'
        for column, name in enumerate(workloads)
    ]
    for observation in observations:
        column, row = workloads.index(observation.workload), framings.index(observation.framing)
        left, top = _LEFT + column * (_CELL_WIDTH + _GAP), _TOP + row * (_CELL_HEIGHT + 2 * _GAP)
        if column == 0:
            parts.append(f'<text x="12" y="{top + _CELL_HEIGHT / 2}">{observation.framing.name.lower()}</text>')
        parts += _cell(observation, left, top)
    return "\n".join([*parts, "</svg>", ""])


def _cell(observation: Observation, left: int, top: int) -> Iterator[str]:
    bottom = top + _CELL_HEIGHT
    yield f'<rect class="cell" x="{left}" y="{top}" width="{_CELL_WIDTH}" height="{_CELL_HEIGHT}" rx="4"/>'
    for upward, name in ((True, "up"), (False, "down")):
        bursts = [burst for burst in bursts_of(observation.passages) if burst.upward is upward]
        strokes = "".join(
            f"M{_across(burst.at, observation.seconds, left) + (not upward):.1f} {bottom}v-{_height(burst.size)}"
            for burst in bursts
        )
        yield f'<path class="{name}" d="{strokes}"/>'
    yield f'<path class="axis" d="M{left} {bottom}h{_CELL_WIDTH}"/>'
    summary = observation.summary
    note = f"{summary.total:,} bytes in {observation.seconds:.1f} s, {summary.distinct_sizes} sizes"
    yield f'<text class="small" x="{left}" y="{bottom + 15}">{note}</text>'


def _across(at: float, seconds: float, left: int) -> float:
    """Pixels from the left for a moment of the observation."""
    return left + 1 + at / seconds * (_CELL_WIDTH - 3)


def _height(size: int) -> int:
    """Pixels for a burst of that many bytes."""
    share = math.log(max(size, _SMALLEST) / _SMALLEST) / math.log(_LARGEST / _SMALLEST)
    return round(min(1.0, share) * (_CELL_HEIGHT - 6)) + 3
