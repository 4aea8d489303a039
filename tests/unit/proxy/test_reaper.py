from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from wormhole_tunnel.proxy.reaper import Reaper


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test as a coroutine."""

    @functools.wraps(test)
    def run(*arguments: object, **options: object) -> None:
        asyncio.run(test(*arguments, **options))

    return run


@dataclass(eq=False)
class Connection:
    """A connection whose bytes the test moves; it leaves `all` when it expires."""

    everyone: set[Connection]
    half_open: bool = False
    sent: int = 0
    received: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.everyone.add(self)

    def expire(self) -> None:
        assert self in self.everyone
        self.everyone.remove(self)
        self.ended.set()


@dataclass(frozen=True)
class Limits:
    idle_timeout: float = 0.0
    half_open_timeout: float = 0.0


@in_a_loop
async def test_what_is_quiet_ends_and_what_moves_does_not() -> None:
    everyone: set[Connection] = set()
    quiet, busy = Connection(everyone), Connection(everyone)
    reaper = Reaper(everyone, Limits(idle_timeout=0.08))

    async def keep_moving() -> None:
        while not quiet.ended.is_set():
            busy.received += 1
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await keep_moving()
    assert everyone == {busy}
    reaper.close()


@in_a_loop
async def test_only_half_open_connections_have_the_second_limit() -> None:
    everyone: set[Connection] = set()
    half, both = Connection(everyone, half_open=True), Connection(everyone)
    reaper = Reaper(everyone, Limits(half_open_timeout=0.08))
    async with asyncio.timeout(20):
        await half.ended.wait()
    assert everyone == {both}
    both.half_open = True
    async with asyncio.timeout(20):
        await both.ended.wait()
    reaper.close()


@pytest.mark.parametrize("count", [2001, 6000])
@in_a_loop
async def test_many_connections_are_looked_at_in_slices(count: int) -> None:
    everyone: set[Connection] = set()
    connections = [Connection(everyone) for _ in range(count)]
    reaper = Reaper(everyone, Limits(idle_timeout=0.08))
    async with asyncio.timeout(20):
        for connection in connections:
            await connection.ended.wait()
    assert not everyone
    reaper.close()


@in_a_loop
async def test_other_limits_hold_at_once() -> None:
    everyone: set[Connection] = set()
    connection = Connection(everyone)
    reaper = Reaper(everyone, Limits())
    reaper.apply(Limits(idle_timeout=0.05))
    async with asyncio.timeout(20):
        await connection.ended.wait()
    reaper.close()
