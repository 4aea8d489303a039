"""The command: a look once, as JSON, or again and again until it is interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

import click

from wormhole_tunnel.cli.top.look import Look, look_at_all
from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.net.addresses import Address, parse_address_list
from wormhole_tunnel.observe.token import read_token

_HELP: Final = """Show what proxies do, as their --status says, until Ctrl-C.

ADDR is a proxy's --status address; several proxies are shown one below the other. Without any, WORMHOLE_STATUS names it.
"""


@click.command("top", help=_HELP)
@click.argument("addresses", metavar="[ADDR]...", nargs=-1)
@click.option("--once", is_flag=True, help="Print one look and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one look as JSON and end.")
@click.option(
    "--interval", type=click.FloatRange(0.2, 60.0), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--connections", type=click.IntRange(0, 10_000), default=10, show_default=True, help="How many to list.")
@click.option("--token-file", metavar="FILE", default="", help="The token, where --status asks for one.")
def command(
    addresses: tuple[str, ...], *, once: bool, as_json: bool, interval: float, connections: int, token_file: str
) -> int:
    """Look and show. The exit code is 1 when a proxy does not answer; raises WormholeError."""
    chosen = _addresses(addresses)
    token = read_token(token_file)
    if not as_json and not once:
        _view().follow(chosen, token, interval, connections)
        return 0
    looks = look_at_all(chosen, token, connections)
    if as_json:
        click.echo(json.dumps([_as_json(look) for look in looks]))
    else:
        _view().show_once(looks, connections)
    return int(any(look.document is None for look in looks))


def _addresses(typed: Sequence[str]) -> tuple[Address, ...]:
    text = ",".join(typed) or os.environ.get("WORMHOLE_STATUS", "")
    if not text:
        raise UsageError("top: which proxy? Type the address of its --status, as in `wormhole top :9090`")
    return parse_address_list(text)


def _as_json(look: Look) -> dict[str, object]:
    return {"address": look.address, "error": look.error, "status": look.document}


def _view() -> ModuleType:
    """What draws; it needs the extra."""
    if find_spec("rich") is None:
        raise UsageError("top needs rich: install wormhole-tunnel[top], or use --json")
    return import_module("wormhole_tunnel.cli.top.view")
