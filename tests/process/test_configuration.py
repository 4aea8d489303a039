"""A configuration file: several tunnels, services by name, mistakes, and changes while it runs."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.configured import Configured
from tests.support.proxies import COMMANDS, free_port
from tests.support.servers import Handler, Server, connect, exchange, receive
from tests.support.waiting import wait_until


def saying(text: bytes) -> Handler:
    def say(sock: socket.socket) -> None:
        sock.sendall(text)

    return say


def both_ends(links: int, clients: dict[str, int], servers: dict[str, int]) -> str:
    """A file with one server proxy for these services, and a client proxy for each service of `clients`."""
    offered = ", ".join(f"{name}: '127.0.0.1:{port}'" for name, port in servers.items())
    tunnels = [f"{{mode: server, listen: ':{links}', services: {{{offered}}}}}"]
    tunnels += [f"{{listen: ':{port}', server: ':{links}', service: {name}}}" for name, port in clients.items()]
    return "key_file: key.yaml\ndrain_timeout: 0\ntunnels:\n" + "".join(f"  - {tunnel}\n" for tunnel in tunnels)


def reset_at(port: int) -> bool:
    """Whether a client is reset without an answer."""
    try:
        with connect(port) as client:
            receive(client, 1)
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


@pytest.mark.usefixtures("key")
def test_clients_choose_a_service_by_name(tmp_path: Path) -> None:
    redis, postgres, other = free_port(), free_port(), free_port()
    with Server(saying(b"redis")) as one, Server(saying(b"postgres")) as two:
        offered = {"redis": one.port, "postgres": two.port}
        clients = {"redis": redis, "postgres": postgres, "mysql": other}
        with Configured(tmp_path, both_ends(free_port(), clients, offered), tunnels=4) as proxy:
            assert exchange(redis, b"") == b"redis"
            assert exchange(postgres, b"") == b"postgres"
            assert reset_at(other)
            wait_until(lambda: "wants 'mysql', which is not offered" in proxy.log, "the refusal in the log")


@pytest.mark.usefixtures("key")
def test_a_reload_changes_limits_and_spares_open_connections(tmp_path: Path) -> None:
    def echo_one(sock: socket.socket) -> None:
        while data := sock.recv(1):
            sock.sendall(data)

    port = free_port()
    with Server(echo_one) as server:
        text = both_ends(free_port(), {"redis": port}, {"redis": server.port})
        with Configured(tmp_path, text, tunnels=2) as proxy, connect(port) as client:
            client.sendall(b"1")
            assert receive(client, 1) == b"1"
            proxy.reload(text.replace("service: redis}", "service: redis, max_connections: 1}"))
            assert reset_at(port)
            mistaken = proxy.reload(text.replace("service: redis", "serivce: redis"))
            assert "the old configuration stays" in mistaken
            assert "did you mean `service`?" in mistaken
            assert reset_at(port)
            client.sendall(b"2")
            assert receive(client, 1) == b"2"
            proxy.reload(text)
            assert exchange(port, b"3") == b"3"
            more_links = proxy.reload(text.replace("service: redis}", "service: redis, links: 2}"))
            assert "a change of --links needs a restart" in more_links


@pytest.mark.usefixtures("key")
def test_a_reload_changes_services(tmp_path: Path) -> None:
    port, links = free_port(), free_port()
    with (
        Server(saying(b"one")) as one,
        Server(saying(b"two")) as two,
        Configured(tmp_path, both_ends(links, {"redis": port}, {"redis": one.port}), tunnels=2) as proxy,
    ):
        assert exchange(port, b"") == b"one"
        proxy.reload(both_ends(links, {"redis": port}, {"redis": two.port}))
        assert exchange(port, b"") == b"two"


def check(file: Path) -> subprocess.CompletedProcess[str]:
    command = [str(COMMANDS / "wormhole"), "--config", str(file), "--check-config"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("key")
def test_checking_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "wormhole.yaml"
    file.write_text("key_file: key.yaml\ntunnels:\n  - {listen: ':1'}\n  - {listen: ':2'}\n")
    done = check(file)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: no mistake found, 2 tunnels\n", "")
    file.write_text("links: 17\n")
    done = check(file)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == (f"wormhole: {file}, line 1: links: '17' is not allowed: use a whole number from 1 to 16\n")
    file.write_text("key_file: other.yaml\n")
    assert check(file).returncode == 7
