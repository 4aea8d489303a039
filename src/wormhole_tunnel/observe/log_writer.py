"""Writing log lines from a thread of its own, so that a standard error that nobody reads never stops the proxy.

The queue is bounded. What does not fit is dropped and counted, and the count is the next line written.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque
from typing import Final

from wormhole_tunnel.observe.log_format import Format
from wormhole_tunnel.observe.log_limit import WINDOW, RepeatLimiter

MAX_LINES: Final = 10_000
CLOSE_TIMEOUT: Final = 1.0  # seconds that the last lines may take at exit
_BATCH: Final = 64  # lines a write
# A line waits so many seconds for others, unless none was written of late: each waking of the thread takes the interpreter
# from the proxy.
_GATHER: Final = 0.02
_LOGGER: Final = "wormhole.observe.logs"


class LogWriter(logging.Handler):
    """A handler that formats in the caller's thread and writes to `descriptor` in its own.

    Records from `warning` on that repeat are limited (see `log_limit`).
    """

    def __init__(self, descriptor: int, line_format: Format, max_lines: int = MAX_LINES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._format = line_format
        self._max_lines = max_lines
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._written_at = 0.0
        self._closing = False
        self._limiter = RepeatLimiter()
        self._changed = threading.Condition(threading.Lock())
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's line; never blocks and never raises."""
        if record.levelno >= logging.WARNING and not self._admit(record):
            return
        try:
            line = self._format(record)
        except Exception as error:  # an object whose str() fails must not stop what logged it
            line = self._own_line("log_unprintable", f"a log record of {record.name} has no text: {error!r}")
        with self._changed:
            self._append(line)
            if len(self._lines) in (1, _BATCH):  # the thread sleeps, or gathers: between these it knows already
                self._changed.notify()

    def close(self, time_limit: float = CLOSE_TIMEOUT) -> None:
        """Write what is queued, for at most `time_limit` seconds, and end the thread."""
        with self._changed:
            already, self._closing = self._closing, True
            self._changed.notify()
        if not already:
            self._thread.join(time_limit)
        super().close()

    def _admit(self, record: logging.LogRecord) -> bool:
        with self._changed:
            now = time.monotonic()
            self._say_held_back(now)
            admitted = self._limiter.passes((record.name, getattr(record, "event", record.msg)), now)
            self._changed.notify()
        return admitted

    def _append(self, line: str) -> None:
        if len(self._lines) >= self._max_lines:
            self._dropped += 1
            return
        self._say_dropped()
        self._lines.append(line)

    def _say_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            message = f"{count} log lines were dropped while standard error was blocked"
            self._lines.append(self._own_line("log_dropped", message, dropped=count))

    def _say_held_back(self, now: float) -> None:
        for each in self._limiter.ended(now):
            logger, event = each.kind
            message = f"and {each.count} more like this in {WINDOW:g} s"
            self._append(self._own_line("log_repeated", message, logger, repeated=event, count=each.count))

    def _own_line(self, event: str, message: str, logger: str = _LOGGER, **fields: object) -> str:
        record = logging.LogRecord(logger, logging.WARNING, "", 0, message, None, None)
        record.event, record.fields = event, fields
        return self._format(record)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write("\n".join((*batch, "")).encode(errors="backslashreplace"))

    def _next_batch(self) -> list[str]:
        """Wait for lines; none means that the end has come."""
        with self._changed:
            while not self._lines and not self._closing:
                self._say_dropped()
                if self._lines:
                    break
                deadline = self._limiter.next_deadline()
                self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
                self._say_held_back(time.monotonic())
            if not self._closing and len(self._lines) < _BATCH:
                self._changed.wait(max(0.0, self._written_at + _GATHER - time.monotonic()))
            self._written_at = time.monotonic()
            if self._closing:
                self._say_dropped()
                self._say_held_back(float("inf"))
            return [self._lines.popleft() for _ in range(min(_BATCH, len(self._lines)))]

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another process made the shared terminal non-blocking
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
            except OSError:  # nobody is there to read; the proxy goes on
                return
