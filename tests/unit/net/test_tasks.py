from __future__ import annotations

import asyncio
import logging

import pytest

from wormhole_tunnel.net.tasks import Tasks, log_callback_error


def test_a_result_comes_back_and_the_group_forgets_the_task(runner: asyncio.Runner) -> None:
    async def answer() -> int:
        return 42

    async def scenario() -> None:
        tasks = Tasks()
        assert await tasks.spawn(answer(), "answer") == 42
        await asyncio.sleep(0)
        assert len(tasks) == 0
        await tasks.close()

    runner.run(scenario())


def test_a_crash_is_logged_with_the_name_and_harms_no_other(
    runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash() -> None:
        raise ValueError("broken")

    async def scenario() -> None:
        tasks = Tasks()
        other = asyncio.Event()
        running = tasks.spawn(other.wait(), "other")
        await asyncio.wait([tasks.spawn(crash(), "crasher")])
        other.set()
        assert await running
        await tasks.close()

    with caplog.at_level(logging.INFO, "wormhole"):
        runner.run(scenario())
    (record,) = caplog.records
    assert record.getMessage() == "internal error in crasher: ValueError: broken"
    assert record.exc_info is None, "a traceback only at debug"


def test_close_cancels_and_waits_for_the_clean_up(runner: asyncio.Runner) -> None:
    cleaned = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def scenario() -> None:
        tasks = Tasks()
        running = [tasks.spawn(endless(), f"endless {number}") for number in range(3)]
        await asyncio.sleep(0)
        await tasks.close()
        assert cleaned == [True] * 3
        assert all(task.cancelled() for task in running)
        await tasks.close()

    runner.run(scenario())


def test_a_task_may_close_its_own_group(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        tasks = Tasks()
        other = tasks.spawn(asyncio.Event().wait(), "other")
        await tasks.spawn(tasks.close(), "closer")
        assert other.cancelled()

    runner.run(scenario())


def test_nothing_starts_after_close(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        tasks = Tasks()
        await tasks.close()
        with pytest.raises(RuntimeError, match="late"):
            await tasks.spawn(asyncio.sleep(0), "late")

    runner.run(scenario())


def test_a_callback_that_crashes_is_one_line_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_callback_error)
        loop.call_soon(int, "no number")
        await asyncio.sleep(0)

    asyncio.run(main())
    [record] = caplog.records
    assert record.getMessage().startswith("internal error in a callback: ValueError: invalid literal")
    assert record.exc_info is None
