"""How each command ends: an exit code, and for an error one line that says what to do.

A traceback is shown only where the log level is `debug` or `trace`.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from wormhole_tunnel.config.options import PROGRAM_OPTIONS
from wormhole_tunnel.errors import UsageError, WormholeError
from wormhole_tunnel.observe.levels import DEBUG, escape
from wormhole_tunnel.observe.log_filter import parse_filter

INTERNAL_ERROR: Final = 70  # EX_SOFTWARE of sysexits(3)
UNREAD: Final = 1  # as click ends where nobody reads its output
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it
_LOG: Final = next(option for option in PROGRAM_OPTIONS if option.name == "log")


def run_command(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run `command` as `name` on the process's arguments, or on `arguments`; returns the exit code."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = command.main(typed, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        return _fail(name, f"{message} (see {name} --help)", error.exit_code, typed)
    except WormholeError as error:
        return _fail(name, str(error), error.exit_code, typed)
    except BrokenPipeError:  # the reader of the output has seen enough; nothing more is said at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except Exception as error:  # the user gets one line, whatever went wrong
        reason = f"internal error: {type(error).__name__}: {error} (--log debug shows where)"
        return _fail(name, reason, INTERNAL_ERROR, typed)
    return code if isinstance(code, int) else 0


def _fail(name: str, message: str, code: int, typed: Sequence[str]) -> int:
    if _is_debugging(typed):
        sys.excepthook(*sys.exc_info())
    click.echo(f"{name}: {escape(message)}", err=True)
    return code


def _is_debugging(typed: Sequence[str]) -> bool:
    """Whether the log filter shows debugging; read by itself, since the error may lie in any other option."""
    flag = _LOG.flags[0]
    texts = [after for before, after in itertools.pairwise(typed) if before == flag]
    texts += [each.partition("=")[2] for each in typed if each.startswith(f"{flag}=")]
    texts += [os.environ.get(variable, "") for variable in _LOG.variables]
    try:
        return parse_filter(next(filter(None, texts), "info")).level_of("wormhole") <= DEBUG
    except UsageError:
        return False
