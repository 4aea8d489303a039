"""The command: starts everything, runs the scenes, and takes everything away again, however it ends."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import uvloop

from wormhole_tunnel import __version__
from wormhole_tunnel.cli.demo import scenes
from wormhole_tunnel.cli.demo.display import Display
from wormhole_tunnel.cli.demo.machinery import EchoServer, ProxyProcess, make_key
from wormhole_tunnel.cli.demo.traffic import MEGABYTE
from wormhole_tunnel.cli.demo.wire import Wire
from wormhole_tunnel.errors import WormholeError

_HELP: Final = """Run a whole tunnel on this machine and show what it does.

Makes a key in a temporary folder, starts a server and both proxies on free ports of 127.0.0.1, sends data through them,
and cuts the link between them. Nothing is left behind.
"""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)  # besides SIGINT, which asyncio's runner takes


@click.command("demo", help=_HELP)
@click.option(
    "--megabytes",
    type=click.IntRange(10, 100_000),
    metavar="N",
    default=300,
    show_default=True,
    help="How much to send in each of the two large transfers.",
)
def command(megabytes: int) -> None:
    """Run the demonstration. Raises WormholeError where it fails."""
    display = Display()
    began = time.monotonic()
    try:
        _run(display, megabytes * MEGABYTE)
    except (OSError, BaseExceptionGroup) as error:
        raise _as_one_line(error) from error
    finally:
        display.clear_progress()
    display.line()
    display.done(f"nothing is left: no process, no file, no port. All of it took {time.monotonic() - began:.0f} s.")
    display.line()
    display.line("Now your own: wormhole --help has examples.")


def _run(display: Display, size: int) -> None:
    display.title(f"wormhole {__version__}", "a whole tunnel on this machine")
    with tempfile.TemporaryDirectory(prefix="wormhole-demo-") as folder, ExitStack() as stack:
        _end_on_signals()
        key_file = make_key(Path(folder))
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_play(display, size, key_file, stack))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            _end_on_signals()  # the event loop has given them back


def _end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the demonstration as Ctrl-C does, with everything taken away."""
    for signal_number in _SIGNALS:
        signal.signal(signal_number, signal.default_int_handler)


async def _play(display: Display, size: int, key_file: Path, stack: ExitStack) -> None:
    """Set the stage and run the scenes. The processes belong to `stack`, which outlives the event loop."""
    own_task = asyncio.current_task()
    assert own_task is not None
    for signal_number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signal_number, own_task.cancel)
    async with asyncio.TaskGroup() as background:
        tasks = []

        async def start(name: str, *options: str) -> ProxyProcess:
            proxy = stack.enter_context(ProxyProcess(name, key_file, *options))
            tasks.append(background.create_task(proxy.follow()))
            await proxy.wait_for("started")
            return proxy

        server = EchoServer()
        tasks.append(background.create_task(server.run()))
        display.section("A key, a server, and both proxies")
        display.done("wormhole-keygen", "a secret key of 32 bytes, for both proxies")
        server_proxy = await start("server proxy", "-S", "-s", f"127.0.0.1:{server.port}")
        display.done(f"wormhole -S -c :{server_proxy.port} -s :{server.port}", "the server proxy, beside the server")
        wire = Wire(server_proxy.port)
        tasks.append(background.create_task(wire.run()))
        client_proxy = await start("client proxy", "-s", f"127.0.0.1:{wire.port}")
        display.done(f"wormhole -c :{client_proxy.port} -s :{wire.port}", "the client proxy, beside the clients")
        await client_proxy.wait_for("link_up")
        display.done("the link is up", f"port {wire.port} leads to {server_proxy.port}, and is watched on the way")

        stage = scenes.Stage(display, server, wire, server_proxy, client_proxy, size)
        await scenes.talk(stage)
        transfer = await scenes.move(stage)
        await scenes.cut(stage)
        await scenes.measure(stage, transfer)
        for task in tasks:
            task.cancel()


def _as_one_line(error: BaseException) -> BaseException:
    """The first error of a group that says something; WormholeError for what the operating system reports."""
    leaves = list(_leaves(error))
    told = next((leaf for leaf in leaves if isinstance(leaf, (WormholeError, KeyboardInterrupt))), leaves[0])
    if isinstance(told, OSError):
        return WormholeError(f"the demonstration failed: {told}")
    return told


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
