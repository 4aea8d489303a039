"""The table, the JSON record and the plots, from figures made up for them."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from benchmarks.bars import judge
from benchmarks.machine import Machine
from benchmarks.metrics import METRICS
from benchmarks.peers.table import PEERS
from benchmarks.report.plots import PLOTS, all_plots
from benchmarks.report.record import to_json
from benchmarks.report.svg import ChartBar, Panel, chart
from benchmarks.report.table import columns, failures_list, medians_table, verdicts_table
from benchmarks.suite import Failure, Results
from benchmarks.workloads.base import QUICK

SVG = "{http://www.w3.org/2000/svg}"
MACHINE = Machine("2026-01-01 00:00 UTC", "a processor", 2, 4.0, "Linux 6", "3.11", "3.0", "bbr", 0.1, "abc")
RESULTS = Results(
    samples={
        "bulk_up_1": {"wormhole": [4.0, 5.0, 6.0], "nginx": [3.0, 4.0, 5.0], "direct": [20.0]},
        "memory_10000": {"wormhole": [5.0], "spiped": [37.0]},
        "cpu_up": {"wormhole": [2.0], "nginx": [2.0]},
    },
    failures=[Failure(1, "redis", "ssh", "it would not")],
)
MEDIANS = RESULTS.medians()
VERDICTS = judge(MEDIANS)


def test_columns_line_up() -> None:
    assert columns([["a", "b"], ["long", "1"], ["s", "100"]]) == "a       b\n---------\nlong    1\ns     100"


def test_the_table_marks_the_best_rival_and_what_is_missing() -> None:
    table = medians_table(MEDIANS, ["wormhole", "nginx", "spiped", "direct"])
    (bulk,) = [line.split() for line in table.splitlines() if line.startswith("Bulk up, 1")]
    assert bulk[-4:] == ["5.00", "4.00*", "-", "20.00"]
    (memory,) = [line.split() for line in table.splitlines() if "10,000" in line]
    assert memory[-4:] == ["5.0", "-", "37.0*", "-"]


def test_the_verdicts_say_met_or_missed() -> None:
    lines = verdicts_table(VERDICTS).splitlines()[2:]
    assert [line.rsplit(maxsplit=1)[-1] for line in lines] == ["met", "met", "MISSED"]
    assert lines[0].split()[-6:] == ["5.00", "Gb/s", "nginx", "1.25", "x", "met"]


def test_failures_are_named() -> None:
    assert failures_list(RESULTS.failures) == "failed: redis, ssh, round 1: it would not"


def test_the_record_holds_all_samples() -> None:
    document = json.loads(to_json(MACHINE, QUICK, list(PEERS.values()), {"nginx": "1.22"}, RESULTS, VERDICTS))
    assert document["metrics"]["bulk_up_1"]["samples"] == RESULTS.samples["bulk_up_1"]
    assert document["metrics"]["bulk_up_1"]["medians"]["wormhole"] == 5.0
    assert document["machine"]["processor"] == "a processor"
    assert document["peers"]["nginx"]["version"] == "1.22"
    assert [verdict["met"] for verdict in document["verdicts"]] == [True, True, False]
    assert document["failures"][0]["reason"] == "it would not"


def test_every_metric_of_the_peers_is_in_a_plot() -> None:
    drawn = {key for _, _, keys in PLOTS for key in keys}
    assert drawn == {metric.key for metric in METRICS if not metric.key.startswith(("startup", "status"))}


def rectangles(document: str, kind: str) -> list[float]:
    return [
        float(one.attrib["width"]) for one in ET.fromstring(document).iter(f"{SVG}rect") if one.get("class") == kind
    ]


def test_bars_are_as_long_as_their_values() -> None:
    bars = (ChartBar("x", 1.0, "1"), ChartBar("y", 4.0, "4", "subject"))
    document = chart("head", "", [], [Panel("p", bars)])
    (short,), (long,) = rectangles(document, "bar"), rectangles(document, "subject")
    assert abs(long / short - 4.0) < 0.01


def test_what_is_asked_is_a_line_on_the_same_scale() -> None:
    document = chart("head", "", [], [Panel("p", (ChartBar("x", 2.0, "2"),), line=1.0, line_text="1")])
    root = ET.fromstring(document)
    (line,) = root.iter(f"{SVG}line")
    (bar,) = [one for one in root.iter(f"{SVG}rect") if one.get("class") == "bar"]
    middle = float(bar.attrib["x"]) + float(bar.attrib["width"]) / 2
    assert abs(float(line.attrib["x1"]) - middle) < 0.1


def test_nothing_but_zeros_is_still_a_chart() -> None:
    assert rectangles(chart("head", "", [], [Panel("p", (ChartBar("x", 0.0, "0"),))]), "bar") == [1.0]


def test_text_is_escaped() -> None:
    document = chart("a < b & c", "", ["& so on"], [Panel("p", (ChartBar("<x>", 1.0, "1"),))])
    texts = [one.text for one in ET.fromstring(document).iter(f"{SVG}text")]
    assert "a < b & c" in texts
    assert "<x>" in texts
    assert "& so on" in texts


def test_there_is_a_plot_for_what_was_measured_and_no_other() -> None:
    plots = dict(all_plots(MEDIANS, ["wormhole", "nginx", "spiped", "direct"], VERDICTS, ["foot"]))
    assert set(plots) == {"bulk.svg", "memory.svg", "processor.svg", "overview.svg"}
    # The one without a proxy is named in the title, not drawn.
    assert len(rectangles(plots["bulk.svg"], "bar")) == 1
    assert "no proxy: 20.00" in plots["bulk.svg"]
    # Equal where 0.8 was asked: drawn as missed.
    assert len(rectangles(plots["overview.svg"], "missed")) == 1
    assert len(rectangles(plots["overview.svg"], "subject")) == 1
