from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.net.addresses import TcpAddress
from wormhole_tunnel.observe.levels import TRACE, escape
from wormhole_tunnel.observe.log_format import MAX_LINE, json_format, text_format

PLAIN = text_format(colour=False)
COLOUR = text_format(colour=True)


class Closer(Enum):
    CLIENT = "client"


def record(message: str, level: int = logging.INFO, /, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("wormhole.net", level, "", 0, "%s", (message,), None)
    made.created = 1_700_000_000.5
    made.event, made.fields = "something", fields
    return made


def with_traceback(level: int = logging.ERROR) -> logging.LogRecord:
    made = record("it broke", level)
    try:
        raise ValueError("line one\nline two \x1b[31m")
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_text() -> None:
    line = PLAIN(record("connection ended", peer=TcpAddress("::1", 80), seconds=1.23456, who="a b", empty="", count=3))
    head = "2023-11-14T22:13:20.500Z INFO  wormhole.net: connection ended "
    assert line == head + 'peer=[::1]:80 seconds=1.235 who="a b" empty="" count=3'


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (logging.CRITICAL, "ERROR"),
        (logging.ERROR, "ERROR"),
        (logging.WARNING, "WARN"),
        (logging.DEBUG, "DEBUG"),
        (TRACE, "TRACE"),
    ],
)
def test_levels(level: int, name: str) -> None:
    assert PLAIN(record("x", level)).split()[1] == name
    assert json.loads(json_format(record("x", level)))["level"] == name.lower()


def test_json() -> None:
    entry = json.loads(json_format(record('it "ended"\n', peer=TcpAddress("h", 80), seconds=1.5, who=Closer.CLIENT)))
    assert entry == {
        "time": "2023-11-14T22:13:20.500Z",
        "level": "info",
        "logger": "wormhole.net",
        "event": "something",
        "message": 'it "ended"\n',
        "peer": "h:80",
        "seconds": 1.5,
        "who": "Closer.CLIENT",
    }


def test_a_field_never_hides_a_name_of_its_own() -> None:
    assert json.loads(json_format(record("x", level="mine", time=0)))["level"] == "info"


def test_records_of_other_libraries() -> None:
    foreign = logging.LogRecord("asyncio", logging.WARNING, "", 0, "took %d s", (3,), None)
    assert PLAIN(foreign).endswith("WARN  asyncio: took 3 s")
    assert json.loads(json_format(foreign))["event"] == ""


@given(st.text(), st.text())
def test_whatever_a_peer_sends_is_one_printable_line(message: str, value: str) -> None:
    assert PLAIN(record(message, value=value)).isprintable()
    line = json_format(record(message, value=value))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["value"] == value


@pytest.mark.parametrize("value", [b"payload", bytearray(b"payload"), memoryview(b"payload")])
def test_bytes_are_never_shown(value: object) -> None:
    for line in (PLAIN(record("x", data=value)), json_format(record("x", data=value))):
        assert "payload" not in line
        assert "(7 bytes)" in line


def test_a_traceback_is_indented_and_escaped_too() -> None:
    first, *rest = PLAIN(with_traceback()).splitlines()
    assert first.endswith("it broke")
    assert rest[-2:] == ["    ValueError: line one", "    line two \\x1b[31m"]
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert json.loads(json_format(with_traceback()))["traceback"].startswith("Traceback")


def test_a_long_message_is_cut() -> None:
    assert len(PLAIN(record("x" * 10 * MAX_LINE, more="y" * MAX_LINE))) < 2 * MAX_LINE
    assert len(json_format(record("x" * 10 * MAX_LINE))) < 2 * MAX_LINE


def test_colour_only_decorates() -> None:
    line = COLOUR(record("x", logging.ERROR, peer="a"))
    for code in ("\x1b[31m", "\x1b[2m", "\x1b[0m"):
        line = line.replace(code, "")
    assert line == PLAIN(record("x", logging.ERROR, peer="a"))


def test_escape() -> None:
    assert escape("plain ü €") == "plain ü €"
    assert escape("\r\n\x1b\x85\u202e\udcff") == "\\r\\n\\x1b\\x85\\u202e\\udcff"


@given(st.integers(0, 2_000_000_000_000))
def test_the_time_is_that_of_the_record_to_the_millisecond(milliseconds: int) -> None:
    made = record("now")
    made.created = milliseconds / 1000
    text = datetime.fromtimestamp(made.created, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    assert PLAIN(made).startswith(f"{text} ")
