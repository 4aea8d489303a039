"""The only place where tasks are made: each has an owner that ends it, and none fails unseen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from wormhole_tunnel.observe.logs import get_logger, log_event

_T = TypeVar("_T")
_log = get_logger("wormhole.net.tasks")


class Tasks:
    """A group of background tasks that live as long as their owner.

    A task that crashes is logged and harms no other. `close` cancels those that still run and waits for them.
    """

    __slots__ = ("_closed", "_tasks")

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, coroutine: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
        """Run `coroutine` as a task; `name` is what the log calls it.

        Raises RuntimeError once the group is closed.
        """
        if self._closed:
            coroutine.close()
            raise RuntimeError(f"task {name!r} started after its group was closed")
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Cancel every task and wait until all have ended. May be called twice."""
        self._closed = True
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            name = task.get_name()
            message = f"internal error in {name}: {type(error).__name__}: {error}"
            log_event(_log, logging.ERROR, "task_crashed", message, error=error, task=name)


def log_callback_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: a callback that crashed is one line, as a task is."""
    error = context.get("exception")
    what = f"{type(error).__name__}: {error}" if error is not None else context.get("message", "")
    log_event(_log, logging.ERROR, "callback_crashed", f"internal error in a callback: {what}", error=error)
