"""What `wormhole` does without a sub-command: gather the settings, start the log, run the proxies."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import click

from wormhole_tunnel.config.gather import gather
from wormhole_tunnel.config.keysource import read_keyring
from wormhole_tunnel.config.settings import ProgramSettings, Settings
from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.observe import logs
from wormhole_tunnel.observe.log_quiet import events_of
from wormhole_tunnel.observe.token import read_token
from wormhole_tunnel.proxy.privileges import become
from wormhole_tunnel.proxy.run import Observe, run

STATUS_LIBRARIES: Final = {"aiohttp": "aiohttp", "prometheus-client": "prometheus_client"}


def run_proxy(typed: Mapping[str, str]) -> int:
    """Run until the proxies end; returns the exit code. `typed` are the options of the command line by name.

    Raises WormholeError.
    """
    settings = gather(typed, os.environ)
    program = settings.program
    if program.check_config:
        return _check(settings)
    with logs.setup(program.log, program.log_format, sys.stderr, events_of(program.quiet)):
        reread = (lambda: gather(typed, os.environ).tunnels) if program.config else None
        return run(list(settings.tunnels), _observer(program), reread, partial(_become_user, settings))


def _become_user(settings: Settings) -> None:
    """Give up the rights of the user that started it, if that is wanted."""
    if settings.program.user:
        files = [tunnel.key_file for tunnel in settings.tunnels]
        become(settings.program.user, dict.fromkeys([*files, *filter(None, [settings.program.config])]))


def _check(settings: Settings) -> int:
    """Read what a start would read, and say that it is well."""
    for key_file in dict.fromkeys(tunnel.key_file for tunnel in settings.tunnels):
        read_keyring(key_file, lambda warning: click.echo(f"warning: {warning}", err=True))
    if settings.program.status:
        read_token(settings.program.status_token_file)
    count = len(settings.tunnels)
    click.echo(f"{settings.program.config or 'wormhole'}: no mistake found, {count} tunnel{'s' if count > 1 else ''}")
    return 0


def _observer(program: ProgramSettings) -> Observe | None:
    """What serves the status, if that is wanted. Its libraries are an extra, and imported only here."""
    if not program.status:
        return None
    missing = [name for name, module in STATUS_LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise UsageError(f"--status needs {' and '.join(missing)}: install wormhole-tunnel[status]")
    status = import_module("wormhole_tunnel.observe.status.serve")
    observer: Observe = status.observer(program.status, read_token(program.status_token_file))
    return observer
