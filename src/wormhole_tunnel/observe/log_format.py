"""How a log record looks: a line of text for people, or a JSON object for machines.

Whatever a peer sent can't forge a line or steer a terminal: control characters are escaped in both forms.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from wormhole_tunnel.observe.levels import escape, level_name

MAX_LINE: Final = 8192  # characters; what exceeds it is cut, so that the queue's memory is bounded
_COLOURS: Final = {
    "error": "\x1b[31m",
    "warn": "\x1b[33m",
    "info": "\x1b[32m",
    "debug": "\x1b[34m",
    "trace": "\x1b[36m",
}
_DIM: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"
_PLAIN_VALUE: Final = re.compile(r'[^ "=]+')
_BYTES: Final = (bytes, bytearray, memoryview)
_BASE: Final = ("time", "level", "logger", "event", "message")


Format = Callable[[logging.LogRecord], str]  # to one line, or several with a traceback, without the final line feed


def text_format(*, colour: bool) -> Format:
    """`2026-01-31T12:00:00.123Z INFO  wormhole.net: the sentence key=value`, coloured for a terminal."""
    dim, plain = (_DIM, _PLAIN) if colour else ("", "")

    def to_text(record: logging.LogRecord) -> str:
        level = level_name(record.levelno)
        painted = f"{_COLOURS[level] if colour else ''}{level.upper():5}{plain}"
        fields = "".join(f" {dim}{name}={plain}{_shown(value)}" for name, value in _fields(record).items())
        head = f"{dim}{_time(record)}{plain} {painted} {dim}{record.name}:{plain} "
        return head + _cut(escape(record.getMessage()) + fields) + _indented_traceback(record)

    return to_text


def json_format(record: logging.LogRecord) -> str:
    """One object: time, level, logger, event, message, then the event's own fields, then a traceback if any."""
    base = (_time(record), level_name(record.levelno), record.name, _event(record), _cut(record.getMessage()))
    entry: dict[str, object] = dict(zip(_BASE, base, strict=True))
    entry |= {name: value for name, value in _fields(record).items() if name not in _BASE}
    if record.exc_info:
        entry["traceback"] = _cut(_traceback(record))
    return json.dumps(entry, default=str, separators=(",", ":"))


def _event(record: logging.LogRecord) -> str:
    event = getattr(record, "event", "")
    return event if isinstance(event, str) else ""


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The event's fields; of bytes only their number, since they may be payload."""
    fields = getattr(record, "fields", None)
    if not isinstance(fields, dict):
        return {}
    return {name: f"({len(value)} bytes)" if isinstance(value, _BYTES) else value for name, value in fields.items()}


def _time(record: logging.LogRecord) -> str:
    second, microsecond = divmod(round(record.created * 1_000_000), 1_000_000)
    return f"{_date_and_time(second)}.{microsecond // 1000:03d}Z"


@lru_cache(maxsize=2)  # many lines are of one second
def _date_and_time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _shown(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    text = f"{value:.3f}" if isinstance(value, float) else escape(str(value))
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _traceback(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""


def _indented_traceback(record: logging.LogRecord) -> str:
    return "".join(f"\n    {escape(line)}" for line in _cut(_traceback(record)).splitlines())


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}... ({len(text) - MAX_LINE} characters more)"
