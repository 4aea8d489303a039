"""What a demonstration shows, in order. Each scene checks what it claims, and raises WormholeError where it is not so."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.cli.demo.display import Display, Table
from wormhole_tunnel.cli.demo.machinery import EchoServer, ProxyProcess
from wormhole_tunnel.cli.demo.traffic import MEGABYTE, Transfer, ask, round_trip
from wormhole_tunnel.cli.demo.wire import Wire, connect
from wormhole_tunnel.errors import WormholeError

_MESSAGES: Final = (b"SET ada:pin 271828", b"SELECT name FROM spy", b"meet me at noon")
_COLOURS: Final = ("yellow", "green", "yellow")  # plain, encrypted, plain
_PIECE: Final = 6  # bytes; chance would show so many of a message once in 2**48 positions
_FRAME: Final = 0.05  # seconds between two drawings of a bar
_OUTAGE: Final = 1.0  # seconds
_PATIENCE: Final = 120.0  # seconds for one transfer


@dataclass(frozen=True, slots=True)
class Stage:
    """What the scenes play on."""

    display: Display
    server: EchoServer
    wire: Wire
    server_proxy: ProxyProcess
    client_proxy: ProxyProcess
    size: int  # bytes of a large transfer


async def talk(stage: Stage) -> None:
    """Three clients say something: the same message at three places."""
    stage.display.section("Three clients talk to a server that says everything back")
    stage.wire.recording = stage.server.recording = True
    table = Table(stage.display, ("a client sent", "this crossed the link", "the server got"))
    with ExitStack() as stack:
        clients = [stack.enter_context(await connect(stage.client_proxy.port)) for _ in _MESSAGES]
        for client, message in zip(clients, _MESSAGES, strict=True):
            crossed, got = len(stage.wire.sent), len(stage.server.received)
            answer = await ask(client, message)
            _show_exchange(table, message, bytes(stage.wire.sent[crossed:]), bytes(stage.server.received[got:]))
            _check(answer == message, "an answer was not what the server was told")
    table.close()
    stage.wire.recording = stage.server.recording = False
    _check(bytes(stage.server.received) == b"".join(_MESSAGES), "the server got something else")
    _check_secrecy(stage)


def _show_exchange(table: Table, sent: bytes, crossed: bytes, got: bytes) -> None:
    shown = crossed[: (table.cell - 1) // 3].hex(" ")
    notes = [f"{len(data):,} bytes" for data in (sent, crossed, got)]
    table.row((sent.decode(), f"{shown}…", got.decode()), notes, _COLOURS)


def _check_secrecy(stage: Stage) -> None:
    """No piece of any message is in what crossed the link, either way."""
    crossed = bytes(stage.wire.sent), bytes(stage.wire.returned)
    _check(all(len(data) > sum(map(len, _MESSAGES)) for data in crossed), "the link was not watched")
    for message in _MESSAGES:
        for start in range(len(message) - _PIECE + 1):
            piece = message[start : start + _PIECE]
            _check(not any(piece in data for data in crossed), "part of a message crossed the link unencrypted")
    total = sum(map(len, crossed))
    stage.display.done(f"{total:,} bytes crossed the link, and none of what was said is among them")
    stage.display.done("sizes are rounded up to a multiple of 1,024 bytes: they tell little about what was said")
    stage.display.done("each client got its own words back, over one link for all three")


async def move(stage: Stage) -> Transfer:
    """A large transfer, there and back at the same time."""
    stage.display.section(f"A client sends {_megabytes(stage.size)}, and gets them back at the same time")
    transfer = Transfer(stage.size)
    await _run_drawn(stage, transfer, _nothing)
    stage.display.done(f"{_megabytes(stage.size)} each way in {transfer.seconds:.1f} s")
    stage.display.done("what came back is what was sent", f"SHA-256 {transfer.hash[:16]}…")
    return transfer


async def cut(stage: Stage) -> None:
    """The same, while the link is cut."""
    display = stage.display
    display.section("The same again, and this time the link is cut on the way")
    transfer = Transfer(stage.size)

    async def outage() -> None:
        await transfer.well_under_way.wait()
        stage.wire.cut()
        display.clear_progress()
        display.broken(f"link cut after {_megabytes(transfer.received)}, with data on its way in both directions")
        await asyncio.sleep(_OUTAGE)
        stage.wire.repair()
        began = time.monotonic()
        await _in_time(stage.wire.linked.wait(), "a new link")
        display.clear_progress()
        waited = time.monotonic() - began
        display.done(f"path dead for {_OUTAGE:.0f} s; {waited:.1f} s later the proxies had a new link, and went on")

    await _run_drawn(stage, transfer, outage)
    display.done("nothing lost, nothing twice, no error at either end", f"SHA-256 {transfer.hash[:16]}…")


async def measure(stage: Stage, transfer: Transfer) -> None:
    """Figures of this machine."""
    stage.display.section("How fast that was")
    through, direct = await round_trip(stage.client_proxy.port), await round_trip(stage.server.port)
    rate = transfer.size / transfer.seconds / MEGABYTE
    cores = os.cpu_count() or 1
    stage.display.done(f"throughput  {rate:,.0f} MB/s there, and as much back at the same time")
    stage.display.done(f"round trip  {through * 1000:.2f} ms through the tunnel, {direct * 1000:.2f} ms without it")
    shared = f"clients, server, both proxies and the watcher of the link shared {cores} core{'s' if cores > 1 else ''}"
    stage.display.note(f"{shared} of this machine")


async def _run_drawn(stage: Stage, transfer: Transfer, beside: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a transfer under a moving bar, and something beside it."""
    drawing = asyncio.ensure_future(_draw(stage, transfer))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_in_time(transfer.run(stage.client_proxy.port), "the end of a transfer"))
            group.create_task(beside())
    finally:
        drawing.cancel()
        stage.display.clear_progress()
    _check(transfer.intact, "what came back is not what was sent")


async def _draw(stage: Stage, transfer: Transfer) -> None:
    began = time.monotonic()
    while True:
        rate = transfer.received / max(time.monotonic() - began, _FRAME) / MEGABYTE
        state = "link down" if stage.wire.down else f"{rate:,.0f} MB/s"
        text = f"{transfer.received // MEGABYTE:>4} of {_megabytes(transfer.size)}  {state}"
        stage.display.progress(transfer.received / transfer.size, text, broken=stage.wire.down)
        await asyncio.sleep(_FRAME)


async def _nothing() -> None:
    pass


async def _in_time(awaited: Awaitable[object], what: str) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await awaited
    except TimeoutError:
        raise WormholeError(f"waited in vain for {what}, {_PATIENCE:.0f} s long") from None


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE} MB"


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise WormholeError(otherwise)
