"""The log's last warnings and errors, kept for whoever looks at the status."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import Final

from wormhole_tunnel.observe.levels import escape, level_name
from wormhole_tunnel.observe.status.document import LogEntry

ENTRIES_KEPT: Final = 50
_MAX_MESSAGE: Final = 500  # characters


class RecentWarnings(logging.Handler):
    """Keeps entries from `warning` on; one that repeats is counted."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._entries: deque[LogEntry] = deque(maxlen=ENTRIES_KEPT)
        self.warnings = 0
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.levelno >= logging.ERROR:
            self.errors += 1
        else:
            self.warnings += 1
        message = escape(record.getMessage())[:_MAX_MESSAGE]
        event = str(getattr(record, "event", ""))
        entry = LogEntry(record.created, level_name(record.levelno), event, message, 1)
        last = self._entries[-1] if self._entries else None
        if last is not None and (last.event, last.message) == (event, message):
            self._entries[-1] = replace(entry, count=last.count + 1)
        else:
            self._entries.append(entry)

    def counts(self) -> dict[str, int]:
        """How many there were, by level."""
        return {"warn": self.warnings, "error": self.errors}

    def entries(self) -> tuple[LogEntry, ...]:
        """The newest last."""
        self.acquire()
        try:
            return tuple(self._entries)
        finally:
            self.release()
