"""The command `wormhole`. Light to import, so that help and completion answer at once."""

from __future__ import annotations

import importlib
from typing import Final

import click

from wormhole_tunnel import __version__, limits
from wormhole_tunnel.cli.entry import run_command
from wormhole_tunnel.cli.group import SUBCOMMANDS, WormholeGroup, click_option, typed_values
from wormhole_tunnel.config.options import OPTIONS

SUMMARY: Final = """Carry TCP connections, encrypted, between two machines.

A client proxy accepts clients and carries their connections to a server proxy (-S), which connects to the server. Both
share a secret key.
"""
_HELP_WIDTH: Final = 100  # columns at the most; a narrower terminal gets what it has


def _proxy_or_subcommand(**parameters: object) -> int:
    """Run the proxy; with a sub-command, click runs that after this."""
    context = click.get_current_context()
    typed = typed_values(parameters)
    if context.invoked_subcommand is None:
        run_proxy = importlib.import_module("wormhole_tunnel.cli.proxy").run_proxy
        return int(run_proxy(typed))
    if typed:
        flag = next(option.flags[-1] for option in OPTIONS if option.name in typed)
        message = f"{flag} is the proxy's: leave it out, or type it after {context.invoked_subcommand}"
        raise click.UsageError(message)
    return 0


def version() -> str:
    """The version, and whether the data path is compiled (hatch_build.py)."""
    return f"{__version__} (compiled)" if limits.__file__.endswith(".so") else __version__


def command() -> click.Group:
    """The click command, also for the generator of docs/cli.md."""
    group = WormholeGroup(
        "wormhole",
        callback=_proxy_or_subcommand,
        params=[click_option(option) for option in OPTIONS],
        commands=SUBCOMMANDS,
        help=SUMMARY,
        invoke_without_command=True,
        subcommand_metavar="[COMMAND]",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _HELP_WIDTH},
    )
    return click.version_option(version(), "-V", "--version", message="%(prog)s %(version)s")(group)


def main() -> int:
    """Entry point of the script; returns the exit code."""
    return run_command(command(), "wormhole")
