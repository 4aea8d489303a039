"""The `wormhole` command for click: options from the table, help in groups, sub-commands loaded when they are called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import partial
from typing import Final

import click
from click.shell_completion import CompletionItem

from wormhole_tunnel.config.options import OPTIONS, Group, Mode, Option
from wormhole_tunnel.config.values import Kind
from wormhole_tunnel.errors import AddressError
from wormhole_tunnel.net.addresses import parse_address


class LazyCommand(click.Command):
    """A sub-command that is imported when it runs: its module has a click command named `command`."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._module = module

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """The context of the command itself, which then runs in this one's place."""
        loaded: click.Command = importlib.import_module(self._module).command
        return loaded.make_context(info_name, args, parent, **extra)


SUBCOMMANDS: Final = (
    LazyCommand("check", "wormhole_tunnel.cli.check", "Find out what works between this host and a server proxy."),
    LazyCommand("completion", "wormhole_tunnel.cli.completion", "Print what makes a shell complete the options."),
    LazyCommand("demo", "wormhole_tunnel.cli.demo", "Run a whole tunnel on this machine and show what it does."),
    LazyCommand("observe", "wormhole_tunnel.cli.observe", "Show what an eavesdropper learns of a link."),
    LazyCommand("top", "wormhole_tunnel.cli.top", "Show what proxies do, in a terminal."),
)

EXAMPLES: Final = (
    ("Make a key, and copy key.yaml to both machines:", "wormhole-keygen"),
    ("Beside a Redis server:", "wormhole -S -c 0.0.0.0:26379 -s 127.0.0.1:6379"),
    ("Beside its clients, which then connect to 127.0.0.1:6379:", "wormhole -c 127.0.0.1:6379 -s redis.example:26379"),
    ("See it at work first:", "wormhole demo"),
)

ENVIRONMENT_NOTE: Final = (
    "Each option is also an environment variable, as in WORMHOLE_KEY_FILE for --key-file; the command line wins."
)


class WormholeGroup(click.Group):
    """Runs the proxy by itself, or a sub-command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What click does; but a number that follows an address without a port is a known slip."""
        if args[0].isdecimal():
            _refuse_split_address(ctx, args[0])
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options in groups, the sub-commands, and examples."""
        for group in Group:
            with formatter.section(group.value):
                formatter.write_dl([_help_row(option) for option in OPTIONS if option.group is group])
        with formatter.section("Other"):
            own = {option.name for option in OPTIONS}
            others = [parameter for parameter in self.get_params(ctx) if parameter.name not in own]
            formatter.write_dl([row for parameter in others if (row := parameter.get_help_record(ctx))])
        self.format_commands(ctx, formatter)
        with formatter.section("Examples"):
            for title, line in EXAMPLES:
                formatter.write_text(title)
                formatter.write(f"{'':{formatter.current_indent + 2}}{line}\n")
        formatter.write_paragraph()
        formatter.write_text(ENVIRONMENT_NOTE)


def click_option(option: Option) -> click.Option:
    """An entry of the table as click's own option. Its value stays text, which `config.settings` parses."""
    if option.is_flag:
        return click.Option([*option.flags, option.name], is_flag=True, flag_value="true", type=str, default=None)
    return click.Option(
        [*option.flags, option.name],
        type=click.Path(allow_dash=True) if option.kind.is_file else str,
        metavar=option.kind.metavar,
        multiple=option.repeatable,
        shell_complete=None if option.kind.is_file else partial(_complete, option.kind),
    )


def typed_values(parameters: Mapping[str, object]) -> dict[str, str]:
    """What was typed, by option name; an option given several times is one list with commas."""
    typed: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, str):
            typed[name] = value
        elif isinstance(value, tuple) and value:
            typed[name] = ",".join(value)
    return typed


def default_text(option: Option) -> str:
    """The default as help shows it; empty if there is none to show."""
    if option.is_flag or not option.default:
        return ""
    server = option.default_for(Mode.SERVER)
    return option.default if server == option.default else f"{option.default}; with -S {server}"


def _complete(kind: Kind, _context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in kind.words if word.startswith(typed)]


def _help_row(option: Option) -> tuple[str, str]:
    default = default_text(option)
    only = {None: "", Mode.CLIENT: "Without -S only. ", Mode.SERVER: "With -S only. "}[option.mode]
    names = ", ".join(option.flags) if len(option.flags) > 1 else f"    {option.flags[0]}"
    return f"{names} {option.kind.metavar}".rstrip(), f"{only}{option.help}{f'  [{default}]' if default else ''}"


def _refuse_split_address(ctx: click.Context, port: str) -> None:
    for option in OPTIONS:
        host = typed_values(ctx.params).get(option.name, "")
        if option.kind.metavar == "ADDR" and host and ":" not in host:
            try:
                parse_address(f"{host} {port}")
            except AddressError as error:
                raise AddressError(f"{'/'.join(option.flags)}: {error}") from None
