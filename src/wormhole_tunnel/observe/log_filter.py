"""Log filters in the syntax of env_logger: `info`, `wormhole=trace`, `warn,wormhole.net=debug`, `debug/refused`.

A directive is a level for everything, a target (all its levels), or `target=level`. A target is a logger's name and
holds for those below it; `::` is read as `.`. Where several fit, the longest holds; where none does, nothing is logged.
What follows a slash is a regular expression that the message must contain.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import Final

from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.observe.levels import ERROR, LEVELS, OFF, TRACE

MAX_FILTER: Final = 4096  # characters
_TARGET = re.compile(r"[a-z_][a-z0-9_-]*(\.[a-z_][a-z0-9_-]*)*", re.IGNORECASE | re.ASCII)
_OWN = "wormhole"
_ALLOWED = "a level (off, error, warn, info, debug, trace) or target=level, as in info,wormhole.net=debug"


@dataclass(frozen=True, slots=True)
class LogFilter:
    """The level of everything that no target names, the levels by target, and what a message must contain."""

    default: int = OFF
    targets: dict[str, int] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None

    def level_of(self, name: str) -> int:
        """The lowest level that the logger of that name writes."""
        while name:
            if name in self.targets:
                return self.targets[name]
            name = name.rpartition(".")[0]
        return self.default


def parse_filter(text: str) -> LogFilter:
    """Parse a filter; the later of two directives for one target holds.

    Raises UsageError.
    """
    if len(text) > MAX_FILTER:
        raise UsageError(f"the log filter has {len(text)} characters: use at most {MAX_FILTER}")
    directives, slash, expression = text.partition("/")
    default = OFF
    targets: dict[str, int] = {}
    for directive in filter(None, (part.strip() for part in directives.split(","))):
        target, level = _parse_directive(directive)
        if target:
            targets[target] = level
        else:
            default = level
    if not directives.strip(" ,"):
        default = ERROR  # as env_logger does where nothing is said
    return LogFilter(default, targets, _compile(expression) if slash else None)


def _parse_directive(directive: str) -> tuple[str, int]:
    target, equals, level = (part.strip() for part in directive.partition("="))
    if not equals:
        if target.lower() in LEVELS:
            return "", LEVELS[target.lower()]
        level = "trace"
    target = target.replace("::", ".")
    if not _TARGET.fullmatch(target) or level.lower() not in LEVELS | {"": TRACE}:
        raise _bad(directive)
    if not equals and target.partition(".")[0] != _OWN:
        raise _bad(directive)  # more likely a level with a slip than a library's whole output
    return target, LEVELS[level.lower() or "trace"]


def _compile(expression: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python might read differently
            return re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"log filter: {expression!r} after the slash is no regular expression: {error}") from error


def _bad(directive: str) -> UsageError:
    return UsageError(f"log filter: {directive!r} is not understood: use {_ALLOWED}")
