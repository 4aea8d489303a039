"""How a capture is shown: lines for a terminal, a picture for a page."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from wormhole_tunnel.cli.observe.analysis import summarise
from wormhole_tunnel.cli.observe.capture import Passage
from wormhole_tunnel.cli.observe.chart import capture_lines, comparison_lines, sparkline
from wormhole_tunnel.cli.observe.comparison import Observation
from wormhole_tunnel.cli.observe.svg import comparison_svg
from wormhole_tunnel.wire.negotiation import FramingMode

PASSAGES = (
    Passage(0.0, 1024, upward=True),
    Passage(0.1, 1024, upward=False),
    Passage(0.5, 4096, upward=True),
    Passage(0.9, 70_000, upward=False),
)
OBSERVATIONS = [
    Observation(framing, workload, 1.0, PASSAGES, summarise(PASSAGES))
    for framing in FramingMode
    for workload in ("typing", "a <download>")
]


def test_a_capture_in_lines_that_fit() -> None:
    lines = list(capture_lines(PASSAGES, 1.0, 60))
    assert max(map(len, lines)) <= 60
    text = "\n".join(lines)
    assert "76,144 bytes in 1.0 s" in text
    assert "2 bursts up, 2 down, of 3 different sizes" in text
    assert "<= 4KiB" in text


def test_an_empty_capture_is_shown_too() -> None:
    assert "0 bytes in 0.0 s" in "\n".join(capture_lines((), 0.0, 60))


def test_every_value_above_zero_shows_in_a_sparkline() -> None:
    assert sparkline([0, 1, 1000]) == " ▁█"
    assert sparkline([]) == ""


def test_the_comparison_has_a_line_for_each_observation() -> None:
    lines = list(comparison_lines(OBSERVATIONS))
    assert len(lines) == 1 + len(OBSERVATIONS)
    assert [line.split()[0] for line in lines if line.startswith("typing")] == ["typing"]


def test_the_picture_is_well_formed_and_has_a_cell_for_each_observation() -> None:
    root = ET.fromstring(comparison_svg(OBSERVATIONS))
    rectangles = [element for element in root.iter() if element.tag.endswith("rect")]
    assert len(rectangles) == len(OBSERVATIONS)
    texts = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert {"padded", "buffered", "exact", "constant", "typing", "a <download>"} <= set(texts)
