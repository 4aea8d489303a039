from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.observe.levels import LEVELS, OFF, TRACE, level_name
from wormhole_tunnel.observe.log_filter import MAX_FILTER, LogFilter, parse_filter


@pytest.mark.parametrize(
    ("text", "name", "level"),
    [
        ("info", "wormhole.net", logging.INFO),
        ("INFO", "wormhole", logging.INFO),
        ("warn", "asyncio", logging.WARNING),
        ("error", "wormhole", logging.ERROR),
        ("off", "wormhole", OFF),
        ("", "wormhole", logging.ERROR),
        (" , ", "wormhole", logging.ERROR),
        ("wormhole=trace", "wormhole", TRACE),
        ("wormhole=trace", "wormhole.net.dial", TRACE),
        ("wormhole=trace", "wormholes", OFF),
        ("wormhole=trace", "asyncio", OFF),
        ("wormhole", "wormhole.net", TRACE),
        ("wormhole=", "wormhole.net", TRACE),
        ("wormhole::net=debug", "wormhole.net.dial", logging.DEBUG),
        ("info,wormhole.net=debug", "wormhole.net", logging.DEBUG),
        ("info,wormhole.net=debug", "wormhole.network", logging.INFO),
        ("info, wormhole.net=debug ,wormhole.net.dial=off", "wormhole.net.dial", OFF),
        ("wormhole.net=debug,wormhole=warn", "wormhole.net", logging.DEBUG),
        ("info,warn", "wormhole", logging.WARNING),
        ("wormhole=info,wormhole=debug", "wormhole", logging.DEBUG),
        ("asyncio=debug", "asyncio", logging.DEBUG),
        ("debug/refused", "wormhole", logging.DEBUG),
        ("/refused", "wormhole", logging.ERROR),
    ],
)
def test_levels(text: str, name: str, level: int) -> None:
    assert parse_filter(text).level_of(name) == level


def test_expression() -> None:
    pattern = parse_filter("info/re.*ed$").pattern
    assert pattern is not None
    assert pattern.search("it was refused")
    assert not pattern.search("refused twice")
    assert parse_filter("info").pattern is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("inof", "'inof'"),
        ("wormhole=inof", "'wormhole=inof'"),
        ("info,wormhole net=debug", "'wormhole net=debug'"),
        ("=debug", "'=debug'"),
        ("wormhole..net=debug", "'wormhole..net=debug'"),
        ("wormhole=debug=info", "'wormhole=debug=info'"),
        ("[span]=debug", "'[span]=debug'"),
        ("info/(", "'('"),
        ("\x1b[31m", "'\\x1b[31m'"),
        ("x" * (MAX_FILTER + 1), "characters"),
    ],
)
def test_a_bad_filter_is_named_in_one_line(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert named in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text(max_size=40) | st.text(alphabet="wormhole.:=,/inf off(\\", max_size=40))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    try:
        parsed = parse_filter(text)
    except UsageError:
        return
    assert isinstance(parsed, LogFilter)


def test_level_names() -> None:
    assert [level_name(level) for level in LEVELS.values()] == ["error", *list(LEVELS)[1:]]
    assert level_name(logging.CRITICAL) == "error"
    assert level_name(logging.INFO + 1) == "info"
    assert level_name(1) == "trace"
