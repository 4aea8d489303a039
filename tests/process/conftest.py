"""A tunnel of two real processes and a server of the tests' own behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.proxies import make_key
from tests.support.servers import Handler, Server, echo
from tests.support.tunnel import Tunnel

MakeTunnel = Callable[..., Tunnel]
ServedPort = Callable[[Handler], int]


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A key file."""
    return str(make_key(tmp_path))


@pytest.fixture
def make_tunnel(tmp_path: Path) -> Iterator[MakeTunnel]:
    """Makes a tunnel to a server with the given handler; `options` are both proxies'."""
    with ExitStack() as stack:

        def make(handler: Handler = echo, *options: str) -> Tunnel:
            server = stack.enter_context(Server(handler))
            return stack.enter_context(Tunnel(tmp_path, f"127.0.0.1:{server.port}", both=options))

        yield make


@pytest.fixture(scope="module")
def shared_tunnel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Tunnel]]:
    """A server and a tunnel to it, for all tests of a module."""
    with (
        Server(echo) as server,
        Tunnel(tmp_path_factory.mktemp("tunnel"), f"127.0.0.1:{server.port}") as tunnel,
    ):
        yield server, tunnel


@pytest.fixture
def served_port(shared_tunnel: tuple[Server, Tunnel]) -> ServedPort:
    """Gives the shared tunnel's server a handler; the port that leads to it."""
    server, tunnel = shared_tunnel

    def serve(handler: Handler) -> int:
        server.handler = handler
        return tunnel.port

    return serve
