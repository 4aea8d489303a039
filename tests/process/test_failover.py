"""Several server proxies: new connections go where they are served, and what a connection said is said once."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.forwarder import Forwarder
from tests.support.proxies import Proxy, free_port
from tests.support.servers import Server, connect, echo, exchange, finish, open_client, receive
from tests.support.waiting import wait_until

LONG = ("--drain-timeout", "1h")
SOON = ("--connect-timeout", "1s")  # for a client to be served after a server proxy is gone
CLIENTS = 20
CROWD = 400
EARLY = 60_000  # bytes that a client proxy takes from a client before its connection stands


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo) as server:
        yield server


@pytest.fixture
def gateways(tmp_path: Path, key: str, server: Server) -> Iterator[tuple[Proxy, Proxy]]:
    """Two server proxies in front of one server."""
    options = ("-S", "-k", key, "-s", f"127.0.0.1:{server.port}", *LONG)
    with Proxy(tmp_path, "one", *options) as one, Proxy(tmp_path, "two", *options) as two:
        yield one, two


def client_proxy(folder: Path, *options: str, to: tuple[str, ...], name: str = "near") -> Proxy:
    """A client proxy for several server proxies."""
    return Proxy(folder, name, "-k", str(folder / "key.yaml"), "-s", ",".join(to), *options)


def wait_for_links(near: Proxy, *others: Proxy) -> None:
    for other in others:
        near.wait_for(f"link to {other.address} up")


def carried(gateway: Proxy, server: Server) -> int:
    """How many connections a server proxy has carried."""
    return gateway.log.count(f"-> 127.0.0.1:{server.port}")


def wait_for_load(gateway: Proxy, server: Server, connections: int) -> None:
    wait_until(lambda: carried(gateway, server) >= connections, "the server proxy to carry connections")


# --- the choice -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeated", [False, True])
def test_connections_go_to_the_server_proxy_that_carries_least(
    tmp_path: Path, server: Server, gateways: tuple[Proxy, Proxy], repeated: bool
) -> None:
    one, two = gateways
    to, more = ((one.address,), ("-s", two.address)) if repeated else ((one.address, two.address), ())
    with client_proxy(tmp_path, *more, to=to) as near, ExitStack() as stack:
        wait_for_links(near, one, two)
        for _ in range(CLIENTS):
            stack.enter_context(open_client(near.port))
        wait_until(
            lambda: [carried(gateway, server) for gateway in gateways] == [CLIENTS / 2, CLIENTS / 2], "that division"
        )


def test_in_order_the_first_that_works_is_taken_and_taken_back(
    tmp_path: Path, key: str, server: Server, gateways: tuple[Proxy, Proxy]
) -> None:
    one, two = gateways
    with client_proxy(tmp_path, "--prefer", "ordered", to=(one.address, two.address)) as near, ExitStack() as stack:
        wait_for_links(near, one, two)
        for _ in range(CLIENTS):
            stack.enter_context(open_client(near.port))
        wait_until(lambda: [carried(gateway, server) for gateway in gateways] == [CLIENTS, 0], "that division")
        one.signal(signal.SIGKILL)
        near.wait_for("can't reach the server proxy")
        assert exchange(near.port, b"second") == b"second"
        wait_until(lambda: carried(two, server) == 1, "the server proxy to have carried it")
        again = Proxy(tmp_path, "again", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}", listen=one.address)
        stack.enter_context(again)
        near.wait_for(f"link to {one.address} up", times=2)
        assert exchange(near.port, b"first") == b"first"
        wait_until(lambda: carried(again, server) == 1, "the server proxy to have carried it")


def test_a_server_proxy_whose_server_refuses_draws_no_connections(
    tmp_path: Path, key: str, gateways: tuple[Proxy, Proxy]
) -> None:
    """Otherwise it would always be the one that carries least."""
    with Proxy(tmp_path, "useless", "-S", "-k", key, "-s", "127.0.0.1:1") as useless:
        one, _ = gateways
        with client_proxy(tmp_path, to=(useless.address, one.address)) as near:
            wait_for_links(near, useless, one)
            with connect(near.port) as refused, pytest.raises(ConnectionResetError):
                refused.recv(1)
            assert exchange(near.port, b"served") == b"served"


# --- server proxies that are gone -------------------------------------------------------------------------------------


def test_after_a_kill_every_new_connection_is_served_within_a_second(
    tmp_path: Path, gateways: tuple[Proxy, Proxy]
) -> None:
    one, two = gateways
    with client_proxy(tmp_path, *SOON, to=(one.address, two.address)) as near, ExitStack() as stack:
        wait_for_links(near, one, two)
        bound = [stack.enter_context(open_client(near.port)) for _ in range(2)]
        one.signal(signal.SIGKILL)
        near.wait_for(f"link to {one.address} lost")
        for _ in range(CLIENTS):
            assert exchange(near.port, b"served") == b"served"
        assert "session_lost" not in near.log
        finish(bound[1])


def test_what_is_bound_to_a_killed_server_proxy_is_reset_when_its_successor_does_not_know_it(
    tmp_path: Path, key: str, server: Server
) -> None:
    options = ("-S", "-k", key, "-s", f"127.0.0.1:{server.port}")
    with (
        Proxy(tmp_path, "far", *options) as far,
        client_proxy(tmp_path, to=(far.address,)) as near,
        open_client(near.port) as client,
    ):
        far.signal(signal.SIGKILL)
        near.wait_for("resuming")
        with Proxy(tmp_path, "again", *options, listen=far.address):
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            assert exchange(near.port, b"served") == b"served"


def test_without_a_successor_it_is_reset_at_the_resume_timeout(tmp_path: Path, gateways: tuple[Proxy, Proxy]) -> None:
    one, two = gateways
    options = ("--resume-timeout", "2s", "--prefer", "ordered")
    with client_proxy(tmp_path, *options, to=(one.address, two.address)) as near:
        wait_for_links(near, one)
        with open_client(near.port) as client:
            one.signal(signal.SIGKILL)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            near.wait_for("no link for too long")


def test_a_server_proxy_that_does_not_answer_is_avoided(
    tmp_path: Path, server: Server, gateways: tuple[Proxy, Proxy]
) -> None:
    """Its host is gone without a word: the first client to notice has to wait, those after it are served."""
    one, two = gateways
    with (
        Forwarder(one.port) as path,
        client_proxy(tmp_path, "--prefer", "ordered", to=(f"127.0.0.1:{path.port}", two.address)) as near,
    ):
        wait_for_links(near, two)
        near.wait_for(f"link to 127.0.0.1:{path.port} up")
        with open_client(near.port) as client:
            path.blackhole()
            client.sendall(b"into the dark")
            near.wait_for("no word from the server proxy")
            assert exchange(near.port, b"served") == b"served"
            wait_until(lambda: carried(two, server) == 1, "the server proxy to have carried it")
            path.heal()
            assert receive(client, 13) == b"into the dark"


def test_what_a_client_has_said_to_a_dead_server_proxy_is_said_to_no_other(
    tmp_path: Path, gateways: tuple[Proxy, Proxy]
) -> None:
    """It can't be known whether it arrived, and a command must never run twice."""
    one, _ = gateways
    heard = Event()

    options = ("--prefer", "ordered", "--resume-timeout", "2s")

    def listen_in(sock: socket.socket) -> None:
        heard.set()
        echo(sock)

    with (
        Server(listen_in) as server,
        Proxy(tmp_path, "three", "-S", "-k", str(tmp_path / "key.yaml"), "-s", f"127.0.0.1:{server.port}") as three,
        Forwarder(three.port) as path,
        client_proxy(tmp_path, *options, to=(f"127.0.0.1:{path.port}", one.address)) as near,
    ):
        wait_for_links(near, one)
        near.wait_for(f"link to 127.0.0.1:{path.port} up")
        path.blackhole()
        with connect(near.port) as client:
            client.sendall(b"once only")
            near.wait_for(f"-> 127.0.0.1:{path.port}")
            three.signal(signal.SIGKILL)
            path.cut()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    assert not heard.is_set()
    assert "connection_opened" not in one.log
    assert "-> " not in one.log


def test_what_never_left_this_host_goes_to_another_server_proxy(tmp_path: Path, key: str) -> None:
    """Clients fill a link that is stuck, until nothing more is sealed: who came after that can't have been heard."""
    later = free_port()
    heard: tuple[list[bytes], list[bytes]] = ([], [])
    everyone = [number.to_bytes(4) for number in range(CROWD)]

    def listener(names: list[bytes]) -> Server:
        def listen(sock: socket.socket) -> None:
            name = receive(sock, 4)
            assert receive(sock, EARLY) == name * (EARLY // 4)
            names.append(name)

        return Server(listen)

    with ExitStack() as stack:
        servers = [stack.enter_context(listener(names)) for names in heard]
        options = [("-S", "-k", key, "-s", f"127.0.0.1:{server.port}") for server in servers]
        one = stack.enter_context(Proxy(tmp_path, "one", *options[0]))
        path = stack.enter_context(Forwarder(one.port))
        to = (f"127.0.0.1:{path.port}", f"127.0.0.1:{later}")
        near = stack.enter_context(client_proxy(tmp_path, "--prefer", "ordered", to=to))
        near.wait_for(f"link to {to[0]} up")
        path.blackhole()
        for name in everyone:
            stack.enter_context(connect(near.port)).sendall(name + name * (EARLY // 4))
        near.wait_for(f"-> {to[0]}", times=CROWD)
        stack.enter_context(Proxy(tmp_path, "two", *options[1], listen=to[1]))
        near.wait_for(f"link to {to[1]} up")
        path.cut()
        path.heal()
        wait_until(lambda: len(heard[0]) + len(heard[1]) >= CROWD, "everyone to be heard")
    assert sorted(heard[0] + heard[1]) == everyone
    assert min(map(len, heard)) > 0


# --- server proxies that go ------------------------------------------------------------------------------------------


def test_a_draining_server_proxy_keeps_its_connections_and_gets_no_new_ones(
    tmp_path: Path, server: Server, gateways: tuple[Proxy, Proxy]
) -> None:
    one, two = gateways
    with client_proxy(tmp_path, "--prefer", "ordered", to=(one.address, two.address)) as near:
        wait_for_links(near, one, two)
        with open_client(near.port) as client:
            one.signal(signal.SIGTERM)
            near.wait_for("is going away")
            assert exchange(near.port, b"elsewhere") == b"elsewhere"
            wait_until(lambda: [carried(gateway, server) for gateway in gateways] == [1, 1], "that division")
            finish(client)
        assert one.exit_code() == 0


def test_a_rolling_restart_under_load_fails_no_connection(tmp_path: Path, key: str, server: Server) -> None:
    options = ("-S", "-k", key, "-s", f"127.0.0.1:{server.port}", *LONG)
    failures: list[object] = []
    done = Event()

    def keep_asking(port: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            message = str(number).encode()
            try:
                answer = exchange(port, message)
            except OSError as error:
                failures.append(error)
            else:
                if answer != message:
                    failures.append(answer)

    with ExitStack() as stack:
        present = [stack.enter_context(Proxy(tmp_path, name, *options)) for name in ("one", "two")]
        to = tuple(gateway.address for gateway in present)
        near = stack.enter_context(client_proxy(tmp_path, to=to))
        wait_for_links(near, *present)
        clients = [Thread(target=keep_asking, args=(near.port,), daemon=True) for _ in range(4)]
        for client in clients:
            client.start()
        for index, gateway in enumerate(present):
            wait_for_load(gateway, server, CLIENTS)
            assert gateway.end() == 0
            again = Proxy(tmp_path, f"again-{index}", *options, listen=gateway.address)
            stack.enter_context(again)
            near.wait_for(f"link to {gateway.address} up", times=2)
            wait_for_load(again, server, 1)
        done.set()
        for client in clients:
            client.join()
    assert failures == []


def test_a_client_proxy_ends_its_sessions_with_all_server_proxies(
    tmp_path: Path, gateways: tuple[Proxy, Proxy]
) -> None:
    one, two = gateways
    near = client_proxy(tmp_path, "--links", "2", to=(one.address, two.address))
    with near:
        for gateway in gateways:
            near.wait_for(f"link to {gateway.address} up", times=2)
        assert near.end() == 0
    for gateway in gateways:
        gateway.wait_for("session ended: closed by the client", times=2)
