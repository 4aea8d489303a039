"""The examples of README.md, line by line as they stand there, on hosts of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.hosts import Host, cable
from tests.support.readme import example
from tests.support.waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a key, made as the README says."""
    [make_key] = example("key")
    with Host("key", tmp_path) as host:
        assert host.start(make_key.line).wait() == 0
    assert (tmp_path / "key.yaml").exists()
    return tmp_path


@pytest.fixture
def hosts(folder: Path) -> Iterator[dict[str, Host]]:
    """The hosts of the Redis example: only `gateway` reaches `redis`, and only `own` asks for it."""
    with ExitStack() as stack:
        own, gateway, redis = (stack.enter_context(Host(name, folder)) for name in ("own", "gateway", "redis"))
        _, gateway_address = cable(own, gateway, "192.0.2")
        _, redis_address = cable(gateway, redis, "198.51.100")
        own.know("gateway", gateway_address)
        gateway.know("redis", redis_address)
        yield {"your own host": own, "gateway": gateway, "redis": redis}


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def write_line(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line)
    process.stdin.flush()


def test_lines_over_nc_on_one_host(folder: Path) -> None:
    client_proxy, server_proxy, server, client = (step.line for step in example("nc"))
    with Host("nc", folder) as host, (folder / "proxies.log").open("a") as log:
        host.start(client_proxy, log)
        host.start(server_proxy, log)
        listening = host.start(server)
        for port in (8080, 8081, 8082):
            wait_until(partial(host.listens, port), f"port {port}")
        typing = host.start(client)
        write_line(typing, "to the server\n")
        assert read_line(listening) == "to the server\n"
        write_line(listening, "and back\n")
        assert read_line(typing) == "and back\n"
        wait_until(lambda: "TRACE" in (folder / "proxies.log").read_text(), "a record in the log")


def test_redis_across_three_hosts(hosts: dict[str, Host]) -> None:
    *servers, redis_cli = example("redis")
    for step in servers:
        hosts[step.host].start(step.line)
    wait_until(lambda: hosts["gateway"].listens(6379), "the client proxy")
    wait_until(lambda: hosts["redis"].listens(26379), "the server proxy")
    wait_until(lambda: hosts["redis"].listens(6379), "Redis")
    own = hosts[redis_cli.host]
    for command, answer in (("SET greeting hello", "OK"), ("GET greeting", "hello")):
        output, _ = own.start(redis_cli.line).communicate(command + "\n")
        assert output.splitlines()[-1] == answer
