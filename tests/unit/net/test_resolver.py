from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter

import pytest

from wormhole_tunnel.net.resolver import CACHE_TIME, Endpoint, LookUpError, Resolver, literal_endpoint, look_up

FOUND = [Endpoint(socket.AF_INET6, ("::1", 0, 0, 0)), Endpoint(socket.AF_INET, ("127.0.0.1", 0))]
WITH_PORT = (Endpoint(socket.AF_INET6, ("::1", 80, 0, 0)), Endpoint(socket.AF_INET, ("127.0.0.1", 80)))


class Names:
    """A source of names that answers when it is let, and counts what it was asked."""

    def __init__(self) -> None:
        self.answering = threading.Event()
        self.answering.set()
        self.asked: Counter[str] = Counter()
        self.started = threading.Semaphore(0)
        self.running = 0
        self.most_running = 0
        self.lock = threading.Lock()

    def look_up(self, host: str) -> list[Endpoint]:
        with self.lock:
            self.asked[host] += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self.started.release()
        if not host.startswith("quick"):
            self.answering.wait()
        with self.lock:
            self.running -= 1
        if host == "nobody":
            raise LookUpError("nobody is unknown")
        return [] if host == "empty" else FOUND


def test_every_address_of_a_name_with_the_port(runner: asyncio.Runner) -> None:
    assert runner.run(Resolver(Names().look_up).resolve("name", 80)) == WITH_PORT


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_literal_asks_nobody(runner: asyncio.Runner, host: str) -> None:
    names = Names()
    (endpoint,) = runner.run(Resolver(names.look_up).resolve(host, 80))
    assert endpoint.sockaddr[:2] == (host, 80)
    assert not names.asked


def test_a_scope_is_left_to_the_system() -> None:
    assert literal_endpoint("fe80::1%lo", 80) is None


def test_one_look_up_for_all_who_wait(runner: asyncio.Runner) -> None:
    names = Names()
    names.answering.clear()

    async def scenario() -> None:
        resolver = Resolver(names.look_up)
        waiting = [asyncio.ensure_future(resolver.resolve("name", 80)) for _ in range(20)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        names.answering.set()
        assert await asyncio.gather(*waiting[1:]) == [WITH_PORT] * 19
        assert waiting[0].cancelled()

    runner.run(scenario())
    assert names.asked["name"] == 1


def test_a_result_holds_for_its_time_and_no_longer(runner: asyncio.Runner) -> None:
    names = Names()
    time = 1000.0

    async def scenario() -> None:
        nonlocal time
        resolver = Resolver(names.look_up, now=lambda: time)
        await resolver.resolve("name", 1)
        time += CACHE_TIME - 0.001
        assert await resolver.resolve("name", 80) == WITH_PORT
        assert names.asked["name"] == 1
        time += 0.002
        await resolver.resolve("name", 1)
        assert names.asked["name"] == 2

    runner.run(scenario())


@pytest.mark.parametrize(("host", "message"), [("nobody", "nobody is unknown"), ("empty", "'empty' has no address")])
def test_a_failure_is_told_to_all_and_not_kept(runner: asyncio.Runner, host: str, message: str) -> None:
    names = Names()

    async def scenario() -> None:
        resolver = Resolver(names.look_up)
        results = await asyncio.gather(*(resolver.resolve(host, 1) for _ in range(3)), return_exceptions=True)
        assert [str(result) for result in results] == [message] * 3
        with pytest.raises(LookUpError):
            await resolver.resolve(host, 1)

    runner.run(scenario())
    assert names.asked[host] == 2


def test_a_mistake_in_a_source_of_names_is_a_failed_look_up(runner: asyncio.Runner) -> None:
    def broken(host: str) -> list[Endpoint]:
        raise KeyError(host)

    with pytest.raises(LookUpError, match="KeyError"):
        runner.run(Resolver(broken).resolve("name", 1))


def test_a_silent_name_server_holds_up_no_other_name(runner: asyncio.Runner) -> None:
    names = Names()
    names.answering.clear()

    async def scenario() -> None:
        resolver = Resolver(names.look_up, threads=2)
        slow = asyncio.ensure_future(resolver.resolve("slow", 80))
        for number in range(10):
            assert await resolver.resolve(f"quick{number}", 80) == WITH_PORT
        names.answering.set()
        assert await slow == WITH_PORT

    runner.run(scenario())


def test_the_threads_are_bounded_and_all_used(runner: asyncio.Runner) -> None:
    names = Names()
    names.answering.clear()

    async def scenario() -> None:
        resolver = Resolver(names.look_up, threads=3)
        waiting = [asyncio.ensure_future(resolver.resolve(f"name{number}", 80)) for number in range(10)]
        for _ in range(3):
            await asyncio.to_thread(names.started.acquire)
        names.answering.set()
        assert await asyncio.gather(*waiting) == [WITH_PORT] * 10

    runner.run(scenario())
    assert names.most_running == 3


def test_an_answer_after_the_end_of_the_loop_harms_nobody() -> None:
    names = Names()
    names.answering.clear()
    resolver = Resolver(names.look_up, threads=1)

    async def begin() -> None:
        waiting = asyncio.ensure_future(resolver.resolve("name", 80))
        await asyncio.to_thread(names.started.acquire)
        waiting.cancel()

    asyncio.run(begin())
    names.answering.set()
    assert asyncio.run(resolver.resolve("quick", 80)) == WITH_PORT, "the only thread still serves"


def test_the_system_knows_localhost() -> None:
    assert any(endpoint.sockaddr[0] in ("127.0.0.1", "::1") for endpoint in look_up("localhost"))


@pytest.mark.parametrize("host", ["a" * 64, "\udcff"])
def test_an_impossible_name_is_a_failed_look_up(host: str) -> None:
    with pytest.raises(LookUpError):
        look_up(host)
