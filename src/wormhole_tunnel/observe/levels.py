"""Log levels by the names that filters use: those of the standard library, with `trace` below and `off` above them."""

from __future__ import annotations

import logging
from typing import Final

TRACE: Final = 5
OFF: Final = logging.CRITICAL + 10

LEVELS: Final = {
    "off": OFF,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}

logging.addLevelName(TRACE, "TRACE")


def level_name(level: int) -> str:
    """The name that a filter would use for that level, or for the nearest one below."""
    if level >= logging.ERROR:
        return "error"
    return next((name for name, value in LEVELS.items() if value <= level), "trace")
