"""The command: checks every server proxy that it is given, or a proxy's readiness, and says what it found."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Final

import click

from wormhole_tunnel.cli.check.outcome import Finding, Outcome
from wormhole_tunnel.cli.check.probe import Probe
from wormhole_tunnel.cli.check.ready import ask_ready
from wormhole_tunnel.cli.group import click_option, typed_values
from wormhole_tunnel.config import values
from wormhole_tunnel.config.keysource import read_keyring
from wormhole_tunnel.config.options import TUNNEL_OPTIONS, Option
from wormhole_tunnel.config.settings import (
    TunnelSettings,
    command_line_source,
    environment_source,
    tunnel_settings,
)
from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.net.addresses import parse_address
from wormhole_tunnel.net.dial import Dialer
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.tasks import Tasks

VERSION: Final = 1  # of the JSON
_OPTIONS: Final = ("server", "service", "key_file", "framing", "message_size", "rate")
_TIMEOUT: Final = values.duration(0.1, 60.0)
_FAR: Final = 60.0  # seconds between two clocks that deserve a word, though the handshake worked
_HELP: Final = """Find out what works between this host and a server proxy.

Looks up the name, connects, shakes hands with the key, founds a session, and has the server proxy connect its server. The
first thing that is wrong decides the exit code (docs/operations.md lists them). With --status, asks a proxy on this host
whether it is ready instead.
"""


def _run(time_limit: str, *, as_json: bool, link_only: bool, status: str | None, **parameters: object) -> int:
    """Check, print, and return the exit code. Raises WormholeError."""
    seconds = _seconds(time_limit)
    if status is not None:
        findings = [ask_ready(parse_address(status), seconds)]
    else:
        findings = _check_peers(_settings(typed_values(parameters)), seconds, ask_server=not link_only)
    click.echo(_as_json(findings) if as_json else "\n".join(_as_text(findings)))
    return next((finding.code for finding in findings if finding.outcome is not Outcome.OK), 0)


def _seconds(text: str) -> float:
    try:
        seconds = _TIMEOUT.parse(text)
    except values.NotAllowedError as error:
        raise UsageError(f"--timeout: {text!r} is not allowed: use {_TIMEOUT.allowed}") from error
    assert isinstance(seconds, float)
    return seconds


def _settings(typed: dict[str, str]) -> TunnelSettings:
    """A client proxy's, whatever mode the environment names: a check always leads."""
    environ = {name: value for name, value in os.environ.items() if name != "WORMHOLE_SERVER_PROXY"}
    return tunnel_settings((command_line_source(typed), environment_source(environ)))


def _check_peers(settings: TunnelSettings, patience: float, *, ask_server: bool) -> list[Finding]:
    key = read_keyring(settings.key_file, lambda warning: click.echo(f"warning: {warning}", err=True)).first

    async def check() -> list[Finding]:
        tasks = Tasks()
        dialer = Dialer(Resolver(), tasks)
        probes = [
            Probe(dialer, address, settings, key, patience, ask_server=ask_server) for address in settings.connect
        ]
        try:
            return list(await asyncio.gather(*(probe.run() for probe in probes)))
        finally:
            await tasks.close()

    return asyncio.run(check())


# --- how it looks -------------------------------------------------------------------------------------------------------


def _as_json(findings: list[Finding]) -> str:
    entries = [
        dataclasses.asdict(finding)
        | {"outcome": finding.outcome.value, "exit_code": finding.code, "advice": finding.advice}
        for finding in findings
    ]
    good = all(finding.outcome is Outcome.OK for finding in findings)
    return json.dumps({"version": VERSION, "ok": good, "findings": entries}, indent=2)


def _as_text(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        yield finding.address
        yield from (f"  ok    {line}" for line in _steps(finding))
        if finding.outcome is not Outcome.OK:
            yield f"  FAIL  {finding.detail}"
            yield f"        {finding.advice}"
        elif finding.clock_offset_seconds is not None and abs(finding.clock_offset_seconds) > _FAR:
            yield "  note  the clocks of the two hosts are far apart: set them (NTP)"


def _steps(finding: Finding) -> Iterator[str]:
    if finding.connect_seconds is not None:
        yield f"connected in {_time(finding.connect_seconds)}"
    if finding.handshake_seconds is not None:
        yield f"handshake in {_time(finding.handshake_seconds)} with key {finding.key}, {finding.cipher}"
    if finding.round_trip_seconds is not None:
        yield f"round trip {_time(finding.round_trip_seconds)}{_clocks(finding)}"
    if finding.server_seconds is not None:
        yield f"the server behind it connected in {_time(finding.server_seconds)}"
    if finding.outcome is Outcome.OK and finding.detail:
        yield finding.detail


def _clocks(finding: Finding) -> str:
    offset = finding.clock_offset_seconds
    return "" if offset is None else f", clocks {_time(abs(offset))} apart"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _option(option: Option) -> click.Option:
    """The proxy's own option, with its help."""
    made = click_option(option)
    default = option.default and f"  [{option.default}]"
    made.help = f"{option.help}{default}"
    return made


command = click.Command(
    "check",
    callback=_run,
    help=_HELP,
    params=[
        *(_option(option) for option in TUNNEL_OPTIONS if option.name in _OPTIONS),
        click.Option(
            ["--timeout", "time_limit"], metavar="TIME", default="5s", show_default=True, help="For each step."
        ),
        click.Option(["--link-only"], is_flag=True, help="Don't have the server behind it connected."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print what was found as JSON."),
        click.Option(["--status"], metavar="ADDR", help="Ask the proxy whose --status this is whether it is ready."),
    ],
)
