"""Two containers with a tunnel between them, in front of Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.container.docker import Container, docker
from tests.support.proxies import free_port
from tests.support.servers import connect, receive
from tests.support.services import Redis, run
from tests.support.waiting import wait_until

LOCKED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
WATCHED = ("--health-interval", "1s")
DRAINING = "stopping"


class Pair(NamedTuple):
    """Both proxies as containers, and where Redis clients connect."""

    client: Container
    server: Container
    port: int

    def redis(self, *command: str) -> str:
        return run("redis-cli", "-p", str(self.port), *command).strip()


@pytest.fixture
def pair(keyed: Path, tmp_path: Path) -> Iterator[Pair]:
    """A tunnel whose containers may write nowhere and have no capability."""
    port, link = free_port(), f"127.0.0.1:{free_port()}"
    options = (*LOCKED, *WATCHED)
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(tmp_path))
        server = Container("server-proxy", keyed, *options, LISTEN_ADDR=link, CONNECT_ADDR=redis.address)
        where = {"LISTEN_ADDR": f"0.0.0.0:{port}", "CONNECT_ADDR": link}
        client = Container("client-proxy", keyed, *options, LOG_LEVEL="info", WORMHOLE_FRAMING="buffered", **where)
        both = Pair(client, server, port)
        stack.enter_context(server)
        stack.enter_context(client)
        for container in (server, client):
            container.wait_until_healthy()
        yield both


def test_redis_answers_through_two_containers(pair: Pair) -> None:
    assert pair.redis("SET", "greeting", "hello") == "OK"
    assert pair.redis("GET", "greeting") == "hello"
    assert "listens on 0.0.0.0" in pair.client.log, "LOG_LEVEL is what it was given"
    assert pair.server.log == "", "and only warnings otherwise"


def test_within_it_one_can_ask_whether_it_is_ready_and_read_the_key_again(pair: Pair) -> None:
    status = "unix:/dev/shm/wormhole.sock"
    assert pair.redis("PING") == "PONG"
    assert docker("exec", pair.client.id, "wormhole", "check", "--status", status).returncode == 0
    assert "client" in docker("exec", pair.client.id, "wormhole", "top", "--once").stdout
    assert docker("kill", "--signal", "HUP", pair.client.id).returncode == 0
    wait_until(lambda: "read again" in pair.client.log, "the key to be read again")
    assert pair.redis("PING") == "PONG"


def test_the_proxy_is_the_first_process_and_has_no_children(pair: Pair) -> None:
    listed = docker("top", pair.server.id, "-o", "pid,args").stdout.splitlines()[1:]
    assert [line for line in listed if "health" not in line] == listed[:1]
    assert "server-proxy" in listed[0]


def test_what_is_open_may_end_after_sigterm(pair: Pair) -> None:
    with connect(pair.port) as sock:
        sock.sendall(b"PING\r\n")
        assert receive(sock, 7) == b"+PONG\r\n"
        pair.client.terminate()
        wait_until(lambda: DRAINING in pair.client.log, "the client proxy to drain")
        sock.sendall(b"PING\r\n")
        assert receive(sock, 7) == b"+PONG\r\n"
    assert pair.client.wait() == 0, pair.client.log
    pair.server.terminate()
    assert pair.server.wait() == 0, pair.server.log


def test_a_proxy_that_waits_for_its_server_is_healthy_all_the_same(keyed: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    listen = f"127.0.0.1:{free_port()}"
    with Container("client-proxy", keyed, *WATCHED, LISTEN_ADDR=listen, CONNECT_ADDR=nobody) as container:
        container.wait_until_healthy()


def test_options_of_wormhole_pass_through_the_environment(keyed: Path) -> None:
    with Container("server-proxy", keyed, CONNECT_ADDR="127.0.0.1:9", WORMHOLE_RESUME_TIMEOUT="soon") as container:
        assert container.wait() == 2
        assert "WORMHOLE_RESUME_TIMEOUT" in container.log
