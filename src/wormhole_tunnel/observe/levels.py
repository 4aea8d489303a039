"""Names of log levels and forms, light enough to import for `--help` (the standard library's `logging` is not)."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final

TRACE: Final = 5  # below logging.DEBUG
DEBUG: Final = 10
ERROR: Final = 40
OFF: Final = 60  # above logging.CRITICAL

LEVELS: Final = {"off": OFF, "error": ERROR, "warn": 30, "info": 20, "debug": DEBUG, "trace": TRACE}


class LogFormat(Enum):
    """How log records are written."""

    TEXT = "text"
    JSON = "json"


@lru_cache(maxsize=16)  # each log line asks
def level_name(level: int) -> str:
    """The name that a filter would use for that level, or for the nearest one below."""
    if level >= ERROR:
        return "error"
    return next((name for name, value in LEVELS.items() if value <= level), "trace")


def escape(text: str) -> str:
    """`text` with a backslash escape for each character that is not printable: no forged line, no terminal command."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
