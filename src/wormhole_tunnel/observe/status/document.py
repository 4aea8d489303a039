"""The process's state as one document: /status.json, the page's events and `wormhole top` (docs/status.md).

The fields of these dataclasses, and of those in `observe.snapshot`, are the document's. Fields may be added within a
version; a change of what a field means, or its removal, is a new version.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from wormhole_tunnel.observe.snapshot import ProxySnapshot

VERSION: Final = 1
_DIGITS: Final = 6  # of a fraction: microseconds


@dataclass(frozen=True, slots=True)
class ProcessSnapshot:
    """The process itself. The lag is the longest that the event loop was late within the last seconds."""

    pid: int
    uptime_seconds: float
    processor_seconds: float
    resident_bytes: int
    loop_lag_seconds: float


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A warning or an error of the log, and how often it came one after another; `time` is the last one's."""

    time: float
    level: str
    event: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class StatusDocument:
    """All of it. `unready` says why `ready` is false; `recent` has the newest entry last."""

    version: int
    wormhole: str
    time: float
    ready: bool
    unready: str
    proxies: tuple[ProxySnapshot, ...]
    process: ProcessSnapshot
    recent: tuple[LogEntry, ...]


def plain(value: object) -> object:
    """As the JSON module takes it: dataclasses as objects, enums as their values."""
    match value:
        case Enum():
            return value.value
        case float():
            return round(value, _DIGITS)
        case Mapping():
            return {str(plain(name)): plain(each) for name, each in value.items()}
        case tuple() | list():
            return [plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def to_json(value: object) -> str:
    """One line of JSON."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)
