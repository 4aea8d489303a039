"""What the rest of the package needs to log: named loggers, the level `trace`, and events with fields.

Loggers are named `wormhole`, `wormhole.net` and so on. Until `setup` is called they write nowhere, as a library's
should. An event has a fixed name and fields beside its sentence, so that a JSON log can be searched without parsing
prose. No key and no payload is ever a field.
"""

from __future__ import annotations

import logging
from typing import Final

TRACE: Final = 5
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
    *,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log `message` with the event's name and fields.

    `error` adds its traceback, but only where the logger is at `debug` or below: others get the one line.
    """
    if not logger.isEnabledFor(level):
        return
    with_traceback = error if logger.isEnabledFor(logging.DEBUG) else None
    logger.log(level, "%s", message, exc_info=with_traceback, extra={"event": event, "fields": fields}, stacklevel=2)
