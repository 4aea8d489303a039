"""The command: watch a link that passes through, or compare the framings."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path

import click
import uvloop

from wormhole_tunnel.cli.observe.capture import Capture
from wormhole_tunnel.cli.observe.chart import capture_lines, comparison_lines
from wormhole_tunnel.cli.observe.comparison import Observation, compare
from wormhole_tunnel.cli.observe.svg import comparison_svg
from wormhole_tunnel.errors import UsageError, WormholeError
from wormhole_tunnel.net.addresses import Address, parse_address

_HELP = """Show what an eavesdropper learns of a link: sizes, times and volume.

Runs between the two proxies as a plain forwarder; give the client proxy its address instead of the server proxy's. It needs
no key. Ends after --seconds, or at Ctrl-C, and then shows what it saw.

With --compare it runs a tunnel of its own under each framing, with typing, Redis-like requests and a download, and shows
them side by side.
"""
_WIDEST = 100  # columns


@click.command("observe", help=_HELP)
@click.option("-c", "--client", default="127.0.0.1:8082", show_default=True, metavar="ADDR", help="Where to listen.")
@click.option("-s", "--server", default="127.0.0.1:8081", show_default=True, metavar="ADDR", help="The server proxy.")
@click.option("--seconds", type=click.FloatRange(0.1), metavar="N", help="How long to watch.")
@click.option("--compare", "comparing", is_flag=True, help="Compare the four framings.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="With --compare: write a picture, too.")
def command(client: str, server: str, seconds: float | None, comparing: bool, svg: Path | None) -> None:
    """Watch, and show. Raises WormholeError."""
    if svg is not None and not comparing:
        raise UsageError("--svg goes with --compare")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if comparing:
            observations = runner.run(_compare())
            _print(comparison_lines(observations))
            if svg is not None:
                svg.write_text(comparison_svg(observations), encoding="utf-8")
                click.echo(f"picture written to {svg}", err=True)
        else:
            runner.run(_watch(parse_address(client), parse_address(server), seconds))


async def _watch(listen: Address, server: Address, seconds: float | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Capture(listen, server) as capture:
        click.echo(f"watching what passes from {capture.address} to {server}; Ctrl-C ends it", err=True)
        try:
            async with asyncio.timeout(seconds):
                await stopped.wait()
        except TimeoutError:
            pass
        lines = list(capture_lines(capture.passages, capture.seconds, _width()))
    _print(lines)


async def _compare() -> list[Observation]:
    click.echo("three workloads under four framings, each through a tunnel of its own", err=True)
    try:
        return await compare()
    except* (OSError, TimeoutError) as errors:
        raise WormholeError(f"the comparison failed: {errors.exceptions[0]}") from errors


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST)
