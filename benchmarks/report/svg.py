"""Bar charts as SVG, without a library: panels of horizontal bars that read in light and dark alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
PANEL_GAP = 22
BAR_HEIGHT = 18
BAR_STEP = 24
TITLE_HEIGHT = 26
HEADER_HEIGHT = 54
LABEL_WIDTH = 80
VALUE_WIDTH = 130
MARGIN = 16
FOOT_LINE = 17
TITLE_LETTER = 7.5  # widths, about
SMALL_LETTER = 7

# Colours follow the reader's scheme; without one they are those for light paper.
STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.head { font-size: 17px; font-weight: 600 } .title, .own { font-weight: 600 }
.small { font-size: 12px; fill: #59636e } .asked { fill: #bc4c00 }
.paper { fill: #ffffff } .bar { fill: #afb8c1 } .subject { fill: #0969da } .missed { fill: #bc4c00 }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.line { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .asked { fill: #f0883e }
.paper { fill: #0d1117 } .bar { fill: #57606a } .subject { fill: #4493f8 } .missed { fill: #f0883e }
.value { stroke: #0d1117 } .line { stroke: #f0883e }
}
"""


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One bar: its label, its value as a number and as text, and its class in the style sheet."""

    label: str
    value: float
    text: str
    kind: str = "bar"


@dataclass(frozen=True, slots=True)
class Panel:
    """A titled group of bars on a scale of its own; `line` marks the value that a bar asks for."""

    title: str
    bars: tuple[ChartBar, ...]
    line: float | None = None
    line_text: str = ""

    @property
    def height(self) -> int:
        return TITLE_HEIGHT + BAR_STEP * len(self.bars)


def chart(head: str, subhead: str, foot: Sequence[str], panels: Sequence[Panel], label_width: int = LABEL_WIDTH) -> str:
    """Return a whole SVG document: a head, the panels below one another, and lines of small print at the foot."""
    body, top = [], HEADER_HEIGHT
    for panel in panels:
        body.append(_panel(panel, top, MARGIN + label_width))
        top += panel.height + PANEL_GAP
    height = top + FOOT_LINE * len(foot) + MARGIN // 2
    size = f'width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} role="img">',
        f"<title>{escape(head)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" {size} rx="8"/>',
        _text(MARGIN, 26, head, "head"),
        _text(MARGIN, 44, subhead, "small"),
        *body,
        *(_text(MARGIN, top + FOOT_LINE * index, line, "small") for index, line in enumerate(foot)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(panel: Panel, top: int, left: int) -> str:
    largest = max([*(bar.value for bar in panel.bars), panel.line or 0.0]) or 1.0
    scale = (WIDTH - left - MARGIN - VALUE_WIDTH) / largest
    parts = [_text(MARGIN, top + 14, panel.title, "title")]
    bars = [_bar(bar, top + TITLE_HEIGHT + BAR_STEP * index, left, scale) for index, bar in enumerate(panel.bars)]
    # Where a value's text meets the line, the text is on top.
    if panel.line is not None:
        parts.append(_line(panel, top, left + panel.line * scale))
    parts += bars
    return "\n".join(parts)


def _bar(bar: ChartBar, top: int, left: int, scale: float) -> str:
    width, base = max(1.0, bar.value * scale), top + 13
    own = " own" if bar.kind == "subject" else ""
    lines = [
        _text(left - 8, base, bar.label, f"label{own}", anchor="end"),
        f'<rect class="{bar.kind}" x="{left}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="3"/>',
        _text(left + width + 6, base, bar.text, f"value{own}"),
    ]
    return "\n".join(lines)


def _line(panel: Panel, top: int, across: float) -> str:
    bottom = top + panel.height - (BAR_STEP - BAR_HEIGHT) + 3
    stroke = f'<line class="line" x1="{across:.1f}" y1="{top + 20}" x2="{across:.1f}" y2="{bottom}"/>'
    # A line near the left edge would have its number within the title.
    clear = across - SMALL_LETTER * len(panel.line_text) / 2 > MARGIN + TITLE_LETTER * len(panel.title)
    base = top + 14 if clear else bottom + 11
    return f"{stroke}\n{_text(across, base, panel.line_text, 'small asked', anchor='middle')}"


def _text(x: float, y: float, content: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'
