"""What `wormhole top` makes of two looks, and how it writes quantities."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from wormhole_tunnel.cli.top.look import Look, Rate, rates
from wormhole_tunnel.cli.top.tables import duration, screen, size, sparkline


def look(at: float, to_server: int, to_client: int) -> Look:
    totals = {"to_server_bytes": to_server, "to_client_bytes": to_client}
    return Look("here:1", at, {"proxies": [{"name": "proxy", "totals": totals}]})


def test_a_rate_is_the_difference_over_the_time() -> None:
    assert rates([look(10.0, 100, 0)], [look(12.0, 300, 50)]) == {("here:1", "proxy"): Rate(100.0, 25.0)}


def test_a_proxy_that_was_restarted_has_no_negative_rate() -> None:
    assert rates([look(10.0, 100, 100)], [look(11.0, 0, 300)]) == {("here:1", "proxy"): Rate(0.0, 200.0)}


def test_one_look_tells_no_rate() -> None:
    assert rates([], [look(10.0, 100, 0)]) == {}
    assert rates([Look("here:1", 9.0, error="gone")], [look(10.0, 100, 0)]) == {}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (102_400, "100 KiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 60, "1048576 TiB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0s"), (59, "59s"), (61, "1m01s"), (3700, "1h01m"), (90_000, "1d01h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_highest_value_is_the_highest_bar() -> None:
    assert sparkline([0.0, 50.0, 100.0]) == "▁▅█"
    assert not sparkline([])
    assert not sparkline([0.0, 0.0])


def test_a_proxy_that_does_not_answer_is_shown_with_its_reason() -> None:
    console = Console(width=80, record=True, file=StringIO())
    console.print(screen([Look("here:1", 0.0, error="connection refused")], {}, 5))
    assert "connection refused" in console.export_text()
