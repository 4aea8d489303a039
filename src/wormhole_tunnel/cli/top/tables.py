"""How a look is shown in a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from wormhole_tunnel.cli.top.look import Json, Look, Rate
from wormhole_tunnel.observe.levels import escape

_BARS: Final = "▁▂▃▄▅▆▇█"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STYLES: Final = {"up": "green", "connecting": "yellow", "waiting": "yellow", "resuming": "red"}
_WARNINGS: Final = 5

History = Mapping[tuple[str, str], Sequence[Rate]]


def screen(looks: Sequence[Look], history: History, connections: int) -> RenderableType:
    """Everything of all proxies."""
    parts: list[RenderableType] = []
    for look in looks:
        if look.document is None:
            parts += [Rule(Text(look.address, "bold"), align="left", style="red"), Text(f"  {look.error}\n", "red")]
            continue
        for proxy in look.proxies():
            parts += _proxy(look.document, proxy, history.get((look.address, proxy["name"]), ()), connections)
        parts += _warnings(look.document)
    return Group(*parts)


def _proxy(document: Json, proxy: Json, history: Sequence[Rate], connections: int) -> Iterator[RenderableType]:
    yield Rule(_title(document, proxy), align="left", style="dim")
    yield _summary(proxy, history)
    if proxy["peers"]:
        yield Padding(_peers(proxy["peers"]), (1, 0, 0, 2))
    if connections and proxy["connections"]:
        yield Padding(_connections(proxy, connections), (1, 0, 0, 2))
    yield Text()


def _title(document: Json, proxy: Json) -> Text:
    title = Text.assemble((escape(f"{proxy['role']} proxy {proxy['name']}"), "bold"))
    title.append(escape(f" → {', '.join(proxy['connect'])} "), "dim")
    unready = document["unready"]
    title.append(f"{escape(unready)}" if unready else "ready", "yellow" if unready else "green")
    title.append(f" {duration(document['process']['uptime_seconds'])}", "dim")
    return title


def _summary(proxy: Json, history: Sequence[Rate]) -> RenderableType:
    totals, memory = proxy["totals"], proxy["memory"]
    grid = Table.grid(padding=(0, 3))
    for name in ("to_server", "to_client"):
        values = [getattr(rate, name) for rate in history]
        grid.add_row(
            Text(f"   {name.replace('_', ' ')}", "dim"),
            Text(f"{size(values[-1])}/s" if values else "-", "bold", justify="right"),
            Text(f"{size(totals[f'{name}_bytes'])} in all", "dim", justify="right"),
            Text(sparkline(values), "cyan"),
        )
    ended = sum(totals["connections_ended"].values()) - totals["connections_ended"].get("clean", 0)
    line = Text("   ").join(
        (
            Text(),
            _labelled("connections", f"{proxy['open_connections']:,} of {totals['connections_opened']:,}"),
            _labelled("reset", f"{ended:,}"),
            _labelled("resumptions", f"{totals['resumptions']:,}"),
            _labelled("without a link", duration(totals["linkless_seconds"])),
            _labelled("data held", size(memory["used_bytes"])),
        )
    )
    return Group(grid, line)


def _labelled(name: str, value: str) -> Text:
    return Text.assemble((f"{name} ", "dim"), value)


def sparkline(values: Sequence[float]) -> str:
    """A row of bars, the highest value the highest bar."""
    highest = max(values, default=0.0)
    if not highest:
        return ""
    return "".join(_BARS[min(len(_BARS) - 1, int(value / highest * len(_BARS)))] for value in values)


def _table(headings: Iterable[tuple[str, bool]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading, is_number in headings:
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    return table


def _peers(peers: Iterable[Json]) -> Table:
    table = _table(
        (
            ("PEER", False),
            ("STATE", False),
            ("FOR", True),
            ("ROUND TRIP", True),
            ("CONNS", True),
            ("RESUMED", True),
            ("SENT", True),
            ("RECEIVED", True),
            ("KEY", False),
        )
    )
    for peer in peers:
        table.add_row(
            escape(peer["address"] or peer["name"]),
            Text(peer["state"], _STYLES.get(peer["state"], "")),
            duration(peer["state_seconds"]),
            f"{peer['round_trip_seconds'] * 1000:.2f} ms" if peer["round_trip_seconds"] else "-",
            f"{peer['connections']:,}",
            f"{peer['resumptions']:,}",
            size(peer["link"]["bytes_sent"]),
            size(peer["link"]["bytes_received"]),
            escape(peer["key"]) or "-",
        )
    return table


def _connections(proxy: Json, most: int) -> Table:
    headings = (
        ("CLIENT", False),
        ("STATE", False),
        ("TO SERVER", True),
        ("TO CLIENT", True),
        ("AGE", True),
        ("ID", False),
    )
    table = _table(headings)
    for each in proxy["connections"][:most]:
        table.add_row(
            escape(each["source"]),
            Text(each["state"].replace("_", " "), "" if each["state"] == "open" else "yellow"),
            size(each["to_server_bytes"]),
            size(each["to_client_bytes"]),
            duration(each["age_seconds"]),
            escape(each["id"]),
        )
    omitted = proxy["open_connections"] - most
    if omitted > 0:
        table.add_row(Text(f"and {omitted:,} more", "dim"))
    return table


def _warnings(document: Json) -> Iterator[RenderableType]:
    for entry in document["recent"][-_WARNINGS:]:
        clock = time.strftime("%H:%M:%S", time.localtime(entry["time"]))
        times = f" ×{entry['count']}" if entry["count"] > 1 else ""
        style = "red" if entry["level"] == "error" else "yellow"
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"  {clock} ", "dim")
        line.append(escape(entry["message"]) + times, style)
        yield line


def size(count: float) -> str:
    """Bytes with three digits or so."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def duration(seconds: float) -> str:
    """The two largest units."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{seconds // 60:.0f}m{seconds % 60:02.0f}s"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f}h{seconds % 3600 // 60:02.0f}m"
    return f"{seconds // 86_400:.0f}d{seconds % 86_400 // 3600:02.0f}h"
