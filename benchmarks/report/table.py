"""Tables of plain text: the medians, and the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bars import RIVALS, Kind, Medians, Verdict, best_rival
from benchmarks.metrics import BY_KEY, METRICS
from benchmarks.suite import Failure

GAP = "  "
MISSING = "-"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of cells in columns, the first row as the head: the first column to the left, others to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [GAP.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * (sum(widths) + len(GAP) * (len(widths) - 1)), *lines[1:]])


def medians_table(medians: Medians, peers: Sequence[str]) -> str:
    """Return a line for each metric and a column for each peer; a star marks the best rival."""
    rows = [["median", "", *peers]]
    for metric in METRICS:
        values = medians.get(metric.key, {})
        if values:
            best = best_rival(metric.key, values)
            rows.append([metric.title, metric.unit, *(_cell(metric.key, peer, values, best) for peer in peers)])
    return columns(rows) + f"\n\n* best of {', '.join(RIVALS)}"


def _cell(metric: str, peer: str, values: Mapping[str, float], best: str | None) -> str:
    if peer not in values:
        return MISSING
    return BY_KEY[metric].format(values[peer]) + ("*" if peer == best else "")


def verdicts_table(verdicts: Sequence[Verdict]) -> str:
    """Return a line for each bar: what was measured, the ratio to the best rival, and whether the bar is met."""
    rows = [["bar", "asked", "measured", "best rival", "ratio", ""]]
    for verdict in verdicts:
        metric = BY_KEY[verdict.bar.metric]
        measured = f"{metric.format(verdict.value)} {metric.unit}".rstrip()
        ratio = f"{verdict.ratio:.2f} x" if verdict.ratio is not None else MISSING
        rival = verdict.rival if verdict.rival is not None and verdict.bar.kind is Kind.RATIO else MISSING
        rows.append([metric.title, verdict.bar.describe(), measured, rival, ratio, "met" if verdict.met else "MISSED"])
    return columns(rows)


def failures_list(failures: Sequence[Failure]) -> str:
    """Return a line for each measurement that failed."""
    return "\n".join(f"failed: {one.workload}, {one.peer}, round {one.round}: {one.reason}" for one in failures)
