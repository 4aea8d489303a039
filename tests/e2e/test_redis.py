"""Redis through the tunnel: single commands, pipelines, half-close, subscriptions, and the load of its own benchmark."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeTunnel
from tests.support.services import Redis, program, run
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE

FRAMINGS = ("padded", "buffered", "exact")
REQUESTS = 4000  # of each kind


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A redis-server."""
    with Redis(tmp_path) as server:
        yield server


def redis_cli(tunnel: Tunnel, *arguments: str) -> str:
    """What redis-cli prints for a command."""
    return run("redis-cli", "-h", "127.0.0.1", "-p", str(tunnel.port), *arguments).strip()


def test_values_large_and_small_come_back(redis: Redis, make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(redis.address)
    assert redis_cli(tunnel, "SET", "small", "hello") == "OK"
    assert redis_cli(tunnel, "GET", "small") == "hello"
    assert redis_cli(tunnel, "EVAL", "return redis.call('SET', 'large', string.rep('x', 50000000))", "0") == "OK"
    assert redis_cli(tunnel, "GET", "large") == "x" * 50_000_000


def test_pipe_mode_ends_by_half_close_and_counts_every_reply(redis: Redis, make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(redis.address)
    commands = "".join(f"SET key:{number} {number}\r\n" for number in range(100_000))
    command = [program("redis-cli"), "-p", str(tunnel.port), "--pipe"]
    done = subprocess.run(command, check=True, input=commands, capture_output=True, text=True, timeout=DEADLINE)
    assert "errors: 0, replies: 100000" in done.stdout, done
    assert redis_cli(tunnel, "DBSIZE") == "100000"


def test_a_subscriber_hears_what_another_client_publishes(redis: Redis, make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(redis.address)
    command = [program("redis-cli"), "-p", str(tunnel.port), "SUBSCRIBE", "news"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        assert subscriber.stdout is not None
        assert [subscriber.stdout.readline().strip() for _ in range(3)] == ["subscribe", "news", "1"]
        assert redis_cli(tunnel, "PUBLISH", "news", "wormholes found") == "1"
        assert [subscriber.stdout.readline().strip() for _ in range(3)] == ["message", "news", "wormholes found"]
        subscriber.terminate()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_fifty_clients_of_redis_benchmark(redis: Redis, make_tunnel: MakeTunnel, framing: str) -> None:
    tunnel = make_tunnel(redis.address, both=("--framing", framing))
    options = (
        "-p",
        str(tunnel.port),
        "-c",
        "50",
        "-n",
        str(REQUESTS),
        "-t",
        "ping,set,get,incr,lpush,lrange_100",
        "--csv",
    )
    rows = run("redis-benchmark", *options).splitlines()
    assert [row.split(",")[0].strip('"').split()[0] for row in rows[1:]][:3] == ["PING_INLINE", "PING_MBULK", "SET"]
    assert int(redis_cli(tunnel, "GET", "counter:__rand_int__")) == REQUESTS


def test_pipelines_of_redis_benchmark(redis: Redis, make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(redis.address)
    options = ("-p", str(tunnel.port), "-c", "50", "-n", "200000", "-P", "16", "-d", "512", "-t", "set,get", "--csv")
    assert len(run("redis-benchmark", *options).splitlines()) == 3
