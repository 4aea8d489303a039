"""Logging, as the rest of the package uses it: named loggers, the level `trace`, and events with fields.

Loggers are named `wormhole`, `wormhole.net` and so on. Until `setup` is called they write nowhere, as a library's
should. An event has a fixed name and fields beside its sentence, so that a JSON log can be searched without parsing
prose. No key and no payload is ever a field.
"""

from __future__ import annotations

import logging
import os
from types import TracebackType
from typing import Final, Self, TextIO

from wormhole_tunnel.observe.levels import TRACE, LogFormat
from wormhole_tunnel.observe.log_filter import LogFilter, parse_filter
from wormhole_tunnel.observe.log_format import Format, json_format, text_format
from wormhole_tunnel.observe.log_writer import LogWriter

__all__ = ["ROOT", "TRACE", "LogFormat", "LogOutput", "get_logger", "log_event", "setup"]

ROOT: Final = "wormhole"

logging.addLevelName(TRACE, "TRACE")
logging.getLogger(ROOT).addHandler(logging.NullHandler())


def get_logger(name: str = ROOT) -> logging.Logger:
    """The logger of that full name: `wormhole` or a name below it, such as `wormhole.net`."""
    return logging.getLogger(name)


def log_event(
    logger: logging.Logger,
    level: int,
    event: str,
    message: str,
    /,
    *,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log `message` with the event's name and fields.

    `error` adds its traceback, but only where the logger is at `debug` or below: others get the one line.
    """
    if not logger.isEnabledFor(level):
        return
    shown = error if error is not None and logger.isEnabledFor(logging.DEBUG) else None
    traceback = (type(shown), shown, shown.__traceback__) if shown is not None else None
    extra = {"event": event, "fields": fields}
    # Not by `logger.log`: it would look for the caller's line, which no format shows, at a third of the cost of an event.
    logger.handle(logger.makeRecord(logger.name, level, "", 0, message, (), traceback, extra=extra))


class LogOutput:
    """Where the process's log records go until `close`; a context manager."""

    def __init__(
        self, log_filter: LogFilter, line_format: Format, descriptor: int, quiet: frozenset[str] = frozenset()
    ) -> None:
        self._filter = log_filter
        self._writer = LogWriter(descriptor, line_format)
        if log_filter.pattern is not None:
            pattern = log_filter.pattern
            self._writer.addFilter(lambda record: pattern.search(record.getMessage()) is not None)
        if quiet:
            self._writer.addFilter(lambda record: getattr(record, "event", "") not in quiet)
        root = logging.getLogger()
        # What no format shows costs each record a look: its thread and process.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        self._old_level = root.level
        root.setLevel(log_filter.default)
        root.addHandler(self._writer)
        for target, level in log_filter.targets.items():
            logging.getLogger(target).setLevel(level)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued, for a second at the most, and restore the levels."""
        root = logging.getLogger()
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True
        root.removeHandler(self._writer)
        root.setLevel(self._old_level)
        for target in self._filter.targets:
            logging.getLogger(target).setLevel(logging.NOTSET)
        self._writer.close()


def setup(filter_text: str, log_format: LogFormat, stream: TextIO, quiet: frozenset[str] = frozenset()) -> LogOutput:
    """Write the records that `filter_text` lets through (env_logger's syntax) to `stream`'s descriptor.

    Events that `quiet` names are left out.

    Colours only on a terminal, and not with NO_COLOR (https://no-color.org). Raises UsageError on a bad filter.
    """
    log_filter = parse_filter(filter_text)
    stream.flush()
    line_format = json_format if log_format is LogFormat.JSON else text_format(colour=_wants_colour(stream))
    return LogOutput(log_filter, line_format, stream.fileno(), quiet)


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
