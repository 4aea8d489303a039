"""Which plots there are, and what each shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.bars import BARS, RIVALS, SUBJECT, Kind, Medians, Verdict, best_rival
from benchmarks.metrics import BY_KEY, Better
from benchmarks.report.svg import ChartBar, Panel, chart

LIMIT = "direct"

# File name, head, metrics.
PLOTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("bulk", "Bulk transfer", ("bulk_up_1", "bulk_down_1", "bulk_up_8", "bulk_down_8")),
    ("redis", "Redis GET by 50 clients", ("redis_p1", "redis_p16")),
    ("connections", "New connections a second", ("connections",)),
    ("roundtrip", "Round trip of 64 bytes, nothing else going on", ("rtt_p50", "rtt_p99")),
    ("beside-up", "Round trip of 64 bytes beside a bulk upload", ("beside_up_p50", "beside_up_p99", "beside_up_bulk")),
    (
        "beside-down",
        "Round trip of 64 bytes beside a bulk download",
        ("beside_down_p50", "beside_down_p99", "beside_down_bulk"),
    ),
    ("memory", "Memory for each idle connection, both proxies together", ("memory_1000", "memory_10000")),
    ("processor", "Processor time for each GB, both proxies together", ("cpu_up", "cpu_down")),
    ("fairness", "Eight bulk streams: the slowest beside their mean", ("fairness_up", "fairness_down")),
    ("longpath", "One bulk stream over a path of 50 ms and 1 Gb/s", ("path_up", "path_down")),
)
_ASKED = "the dashed line is what the project asks of itself"


def all_plots(
    medians: Medians, peers: Sequence[str], verdicts: Sequence[Verdict], foot: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield a file name and an SVG document for each plot that has figures."""
    for name, head, keys in PLOTS:
        panels = [_panel(key, medians[key], peers) for key in keys if medians.get(key)]
        if panels:
            yield f"{name}.svg", chart(head, f"medians; {_direction(keys)}; {_ASKED}", foot, panels)
    ratios = tuple(_ratio_bar(verdict) for verdict in verdicts if verdict.bar.kind is Kind.RATIO)
    if ratios:
        panel = Panel("Ratio to the best rival", ratios, line=1.0, line_text="as good as the best")
        subhead = f"best of {', '.join(RIVALS)}; medians; longer is better throughout: times and costs are inverted"
        yield "overview.svg", chart(f"{SUBJECT} beside the best of its peers", subhead, foot, [panel], label_width=280)


def _direction(keys: Sequence[str]) -> str:
    kinds = {BY_KEY[key].better for key in keys}
    if len(kinds) > 1:
        return "shorter is better for round trips, longer for the bulk"
    return "longer is better" if kinds == {Better.HIGHER} else "shorter is better"


def _panel(key: str, values: Mapping[str, float], peers: Sequence[str]) -> Panel:
    metric = BY_KEY[key]
    bars = tuple(
        ChartBar(peer, values[peer], metric.format(values[peer]), "subject" if peer == SUBJECT else "bar")
        for peer in peers
        if peer in values and peer != LIMIT
    )
    asked = _asked(key, values)
    title = f"{metric.title}, {metric.unit}".removesuffix(", ")
    # Drawn, it would dwarf the rest.
    without = f"   (no proxy: {metric.format(values[LIMIT])})" if LIMIT in values else ""
    return Panel(title + without, bars, asked, metric.format(asked) if asked is not None else "")


def _asked(key: str, values: Mapping[str, float]) -> float | None:
    bar = next((bar for bar in BARS if bar.metric == key), None)
    if bar is None or bar.kind is Kind.ABSOLUTE:
        return bar.limit if bar is not None else None
    rival = best_rival(key, values)
    return values[rival] * bar.limit if rival is not None else None


def _ratio_bar(verdict: Verdict) -> ChartBar:
    ratio, limit = verdict.ratio or 0.0, verdict.bar.limit
    if BY_KEY[verdict.bar.metric].better is Better.LOWER:
        ratio, limit = 1 / ratio if ratio else 0.0, 1 / limit
    text = f"{ratio:.2f} x, asked {limit:.2f}"
    return ChartBar(BY_KEY[verdict.bar.metric].title, ratio, text, "subject" if verdict.met else "missed")
