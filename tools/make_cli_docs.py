"""Write docs/cli.md from the table of options and the commands. With `--check`, only say whether it is up to date."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from wormhole_tunnel.cli import check, completion, keygen, top
from wormhole_tunnel.cli.entry import INTERNAL_ERROR
from wormhole_tunnel.cli.group import EXAMPLES, SUBCOMMANDS, default_text
from wormhole_tunnel.cli.main import SUMMARY
from wormhole_tunnel.config.options import OPTIONS, Group, Mode, Option
from wormhole_tunnel.errors import WormholeError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
WIDTH = 80
EXIT_CODES = {
    0: "Ended as told, by SIGINT or SIGTERM.",
    **{kind.exit_code: inspect.getdoc(kind) or "" for kind in WormholeError.__subclasses__()},
    INTERNAL_ERROR: "A mistake in wormhole itself; `--log debug` shows where.",
}
MODES = {None: "", Mode.CLIENT: "Without `-S` only. ", Mode.SERVER: "With `-S` only. "}


def page() -> str:
    """Return the whole page."""
    return "\n".join((*_head(), *_options(), *_values(), *_commands()))


def _head() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "<!-- Made by tools/make_cli_docs.py from the options themselves. -->"
    yield ""
    yield "    wormhole [OPTIONS] [COMMAND]"
    yield ""
    yield inspect.cleandoc(SUMMARY)
    yield ""
    for title, line in EXAMPLES:
        yield f"    {line:<52}# {title.removesuffix(':')}"
    yield ""
    yield "Each option is also an environment variable. The command line wins over the environment; a variable that is"
    yield "empty counts as not set. Errors are one line on standard error."
    yield ""


def _options() -> Iterator[str]:
    for group in Group:
        yield f"## {group.value}"
        yield ""
        yield "| option | variable | default | |"
        yield "|---|---|---|---|"
        yield from (_row(option) for option in OPTIONS if option.group is group)
        yield ""


def _row(option: Option) -> str:
    flags = "<br>".join(f"`{flag} {option.kind.metavar}`".replace(" `", "`") for flag in option.flags)
    variables = "<br>".join(f"`{variable}`" for variable in option.variables)
    default = default_text(option)
    text = f"{MODES[option.mode]}{option.help} Takes {option.kind.allowed}." if option.kind.metavar else option.help
    if option.repeatable:
        text += " May be given several times, or as a list with commas."
    cells = (flags, variables, f"`{default}`" if default else "", text)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _values() -> Iterator[str]:
    yield "## Addresses"
    yield ""
    yield "`host:port`, `[ipv6]:port`, `:port` (the host is then 127.0.0.1) or `unix:/path`. To listen on every address:"
    yield "`0.0.0.0:port` for IPv4, `[::]:port` for both. Port 0 listens on any free port, which the log names."
    yield ""
    yield "## Exit codes"
    yield ""
    yield "| code | |"
    yield "|---|---|"
    for code, meaning in sorted(EXIT_CODES.items()):
        yield f"| {code} | {meaning} |"
    yield ""


def _commands() -> Iterator[str]:
    yield "## Commands"
    yield ""
    for command in SUBCOMMANDS:
        yield f"- `wormhole {command.name}`: {command.help}"
    yield ""
    yield from _help_of("wormhole check", check.command)
    yield from _help_of("wormhole completion", completion.command)
    yield from _help_of("wormhole top", top.command)
    yield from _help_of("wormhole-keygen", keygen.command)


def _help_of(name: str, command: click.Command) -> Iterator[str]:
    text = command.get_help(
        click.Context(command, info_name=name, terminal_width=WIDTH, help_option_names=["-h", "--help"])
    )
    yield f"## {name}"
    yield ""
    yield from (f"    {line}".rstrip() for line in text.splitlines())
    yield ""


def main() -> int:
    """Write the page, or with `--check` compare; returns the exit code."""
    if sys.argv[1:] == ["--check"]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not current:
            sys.stderr.write(f"{PAGE.name} is out of date: run tools/make_cli_docs.py\n")
        return 0 if current else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
