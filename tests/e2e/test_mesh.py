"""Meshes under the load of real programs: server proxies killed and restarted, and very many connections."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.hosts import Host, cable
from tests.support.proxies import Proxy, make_key
from tests.support.services import Redis, program, run
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE, wait_until

CONNECTIONS = 20_000
ABREAST = 50
LONG = ("--drain-timeout", "1h")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A redis-server."""
    with Redis(tmp_path) as server:
        yield server


@pytest.fixture
def gateways(tmp_path: Path, redis: Redis) -> Iterator[list[Proxy]]:
    """Two server proxies in front of Redis."""
    options = ("-S", "-k", str(make_key(tmp_path)), "-s", redis.address, *LONG)
    with Proxy(tmp_path, "one", *options) as one, Proxy(tmp_path, "two", *options) as two:
        yield [one, two]


@pytest.fixture
def near(tmp_path: Path, gateways: list[Proxy]) -> Iterator[Proxy]:
    """A client proxy for both."""
    to = ",".join(gateway.address for gateway in gateways)
    with Proxy(tmp_path, "near", "-k", str(tmp_path / "key.yaml"), "-s", to) as near:
        for gateway in gateways:
            near.wait_for(f"link to {gateway.address} up")
        yield near


def benchmark(port: int, clients: int, requests: int, *more: str) -> list[str]:
    """redis-benchmark's command for one kind of request, with commands that count how often they ran."""
    name = program("redis-benchmark")
    options = ["-p", str(port), "-c", str(clients), "-n", str(requests), *more]
    return [name, *options, "INCR", "requests"]


def counted(redis: Redis) -> int:
    """How many of them the server has run."""
    return int(run("redis-cli", "-p", str(redis.port), "GET", "requests").strip() or 0)


def carried(gateway: Proxy, redis: Redis) -> int:
    """How many connections a server proxy has carried."""
    return gateway.log.count(f"-> {redis.address}")


def test_a_kill_under_load_costs_what_it_carried_and_nothing_else(
    redis: Redis, gateways: list[Proxy], near: Proxy
) -> None:
    """redis-benchmark gives up at its first error, so its connections are those of the one that lives and one more."""
    doomed, living = gateways
    command = benchmark(near.port, 40, 1_000_000)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as load:
        try:
            wait_until(lambda: counted(redis) > 1000, "load")
            doomed.signal(signal.SIGKILL)
            near.wait_for(f"link to {doomed.address} lost")
            answers = run(*benchmark(near.port, 10, 10_000)[:-2], "-t", "ping", "-q")
            assert "PING" in answers
        finally:
            load.kill()
    assert carried(living, redis) > carried(doomed, redis)


def test_after_a_kill_every_request_ran_once(tmp_path: Path, redis: Redis) -> None:
    """Some are lost with the server proxy that carried them: whether they ran can't be known, and none is said again."""
    key = str(make_key(tmp_path))
    options = ("-S", "-k", key, "-s", redis.address, "--resume-timeout", "2s")
    with ExitStack() as stack:
        gateways = [stack.enter_context(Proxy(tmp_path, name, *options)) for name in ("one", "two")]
        to = ",".join(gateway.address for gateway in gateways)
        near = stack.enter_context(Proxy(tmp_path, "near", "-k", key, "-s", to))
        for gateway in gateways:
            near.wait_for(f"link to {gateway.address} up")
        sent, answered = asyncio.run(count_up(near, gateways[0]))
        assert answered <= counted(redis) <= sent


async def count_up(near: Proxy, doomed: Proxy) -> tuple[int, int]:
    """INCR on many connections, and a kill in the middle; how many were sent, and how many answered."""
    sent = answered = 0

    async def client() -> None:
        nonlocal sent, answered
        while answered < 2000:
            reader, writer = await asyncio.open_connection("127.0.0.1", near.port)
            try:
                writer.write(b"INCR requests\r\n")
                sent += 1
                if (await reader.readline()).startswith(b":"):
                    answered += 1
                if answered == 1000:
                    doomed.signal(signal.SIGKILL)
            except ConnectionResetError:
                pass
            finally:
                writer.close()

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        for _ in range(ABREAST):
            group.create_task(client())
    return sent, answered


def test_a_rolling_restart_under_redis_benchmark_fails_no_new_connection(
    tmp_path: Path, redis: Redis, gateways: list[Proxy], near: Proxy
) -> None:
    """A connection for each request (`-k 0`): redis-benchmark gives up if a single one fails."""
    options = ("-S", "-k", str(tmp_path / "key.yaml"), "-s", redis.address, *LONG)
    command = benchmark(near.port, 20, 1_000_000, "-k", "0")
    with ExitStack() as stack:
        load = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        try:
            for index, gateway in enumerate(gateways):
                wait_for_load(gateway, redis)
                assert gateway.end() == 0
                again = Proxy(tmp_path, f"again-{index}", *options, listen=gateway.address)
                stack.enter_context(again)
                near.wait_for(f"link to {gateway.address} up", times=2)
                wait_for_load(again, redis)
                assert load.poll() is None, load.communicate()
        finally:
            load.kill()


def wait_for_load(gateway: Proxy, redis: Redis) -> None:
    wait_until(lambda: carried(gateway, redis) > 200, "the server proxy to carry connections")


def test_twenty_thousand_connections_leave_nothing_behind(tmp_path: Path, redis: Redis) -> None:
    with Tunnel(tmp_path, redis.address, both=("--log", "warn")) as tunnel:
        run(*benchmark(tunnel.port, ABREAST, 2000, "-k", "0"))
        before = [(proxy.memory(), proxy.descriptors()) for proxy in tunnel.proxies]
        run(*benchmark(tunnel.port, ABREAST, CONNECTIONS, "-k", "0"), within=110)
        wait_until(
            lambda: [proxy.descriptors() for proxy in tunnel.proxies] <= [files for _, files in before],
            "descriptors to be given back",
        )
        for proxy, (memory, _) in zip(tunnel.proxies, before, strict=True):
            assert proxy.memory() < memory + (16 << 20)
            assert "Traceback" not in proxy.log
        assert counted(redis) == CONNECTIONS + 2000


def test_one_name_with_two_addresses(tmp_path: Path) -> None:
    """The second address serves while the first is gone; a server proxy that drains sends its clients there."""
    make_key(tmp_path)
    with ExitStack() as stack:
        client, one, two = (stack.enter_context(Host(name, tmp_path)) for name in ("client", "one", "two"))
        for gateway, network in ((one, "192.0.2"), (two, "198.51.100")):
            _, address = cable(client, gateway, network)
            client.know("gateways", address)
        logs = {
            host.name: stack.enter_context((tmp_path / f"{host.name}.log").open("w")) for host in (client, one, two)
        }

        def log(host: Host) -> str:
            return (tmp_path / f"{host.name}.log").read_text()

        redis = "redis-server --port 6379 --save '' --appendonly no"
        gateway_line = "exec wormhole -S -c 0.0.0.0:26379 -s 127.0.0.1:6379 --drain-timeout 1h"
        running = {}
        for gateway in (one, two):
            gateway.start(redis)
            running[gateway.name] = gateway.start(gateway_line, logs[gateway.name])
            wait_until(partial(gateway.listens, 26379), "a gateway")
            wait_until(partial(gateway.listens, 6379), "its server")
        client.start("exec wormhole -c 127.0.0.1:6379 -s gateways:26379", logs[client.name])
        wait_until(lambda: "up with key" in log(client), "a link")

        def ping() -> str:
            output, _ = client.start("redis-cli ping").communicate(timeout=DEADLINE)
            return output.strip()

        assert ping() == "PONG"
        wait_until(lambda: "session" in log(one) + log(two), "a session")
        first, second = (one, two) if "session" in log(one) else (two, one)
        assert "session" not in log(second)
        running[first.name].send_signal(signal.SIGKILL)
        assert ping() == "PONG"
        wait_until(lambda: "session" in log(second), "a session with the other")
        running[first.name] = first.start(gateway_line, logs[first.name])
        wait_until(lambda: first.listens(26379), "the first gateway again")
        running[second.name].send_signal(signal.SIGTERM)
        assert ping() == "PONG"
