"""What happens at each limit: one more is refused with a reason, and counted; what is there goes on."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.engine.hostile import data_frame
from tests.support.member import Member
from tests.support.servers import Server, connect, echo, exchange, receive, receive_all
from tests.support.tunnel import Tunnel
from tests.support.waiting import wait_until
from wormhole_tunnel.keys.keyfile import load_keyring
from wormhole_tunnel.limits import INITIAL_WINDOW, KIB, MIB
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import HandshakeRefusedError, HandshakeStatus

LIMIT = 16 * MIB


@pytest.fixture
def server() -> Iterator[Server]:
    """An echo server."""
    with Server(echo) as running:
        yield running


def talk(client: socket.socket, word: bytes) -> None:
    """Hear what was said."""
    client.sendall(word)
    assert receive(client, len(word)) == word


def assert_reset(port: int) -> None:
    with connect(port) as client, pytest.raises(ConnectionResetError):
        receive_all(client)


@pytest.mark.parametrize("limited", ["client", "server"])
def test_connections_beyond_the_limit(tmp_path: Path, server: Server, limited: str) -> None:
    options = ("--max-connections", "3")
    client_options, server_options = (options, ()) if limited == "client" else ((), options)
    target = f"127.0.0.1:{server.port}"
    with Tunnel(tmp_path, target, client=client_options, server=server_options) as tunnel, ExitStack() as stack:
        clients = [stack.enter_context(connect(tunnel.port)) for _ in range(3)]
        for client in clients:
            talk(client, b"first")
        assert_reset(tunnel.port)
        for client in clients:
            talk(client, b"again")
        refusing = tunnel.client if limited == "client" else tunnel.server
        refusing.wait_for("refused: --max-connections reached")
        clients.pop().close()
        wait_until(lambda: try_exchange(tunnel.port), "room for another")


def try_exchange(port: int) -> bool:
    try:
        return exchange(port, b"hello") == b"hello"
    except ConnectionResetError:
        return False


def test_sessions_beyond_the_limit(tmp_path: Path, server: Server) -> None:
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}", server=("--max-sessions", "1")) as tunnel:
        key = load_keyring((tmp_path / "key.yaml").read_text(), "key").first
        assert exchange(tunnel.port, b"first") == b"first"
        with Member(tunnel.server.port, key) as member:
            with pytest.raises(HandshakeRefusedError) as refusal:
                member.enter()
            assert refusal.value.answer.status is HandshakeStatus.BUSY
        tunnel.server.wait_for("refused: busy")
        assert exchange(tunnel.port, b"again") == b"again"


def test_memory_full_of_what_waits_for_a_server(tmp_path: Path) -> None:
    """New connections are refused, those that are open go on, and when the memory is free again all is as before."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listening.getsockname()[1]
        tunnel = stack.enter_context(
            Tunnel(tmp_path, f"127.0.0.1:{port}", server=("--max-memory", f"{LIMIT}B", "--connect-timeout", "60s"))
        )
        key = load_keyring((tmp_path / "key.yaml").read_text(), "key").first
        early = stack.enter_context(connect(tunnel.port))
        Thread(target=serve, args=(listening, 1), daemon=True).start()
        talk(early, b"hello")
        stack.enter_context(connect(port))  # fills the queue: for further connections the kernel says nothing
        before = tunnel.server.memory()
        with Member(tunnel.server.port, key) as greedy:
            greedy.enter()
            assert fill(greedy) > LIMIT // INITIAL_WINDOW // 2
            tunnel.server.wait_for("refused: --max-memory reached")
            assert_reset(tunnel.port)
            for _ in range(64):
                talk(early, bytes(INITIAL_WINDOW))
            assert tunnel.server.memory() < before + 2 * LIMIT
        Thread(target=serve, args=(listening, None), daemon=True).start()
        wait_until(lambda: try_exchange(tunnel.port), "room for another")


def serve(listening: socket.socket, most: int | None) -> None:
    """Accept that many connections, or all, and echo what they say."""
    with suppress(OSError):
        for _ in itertools.count() if most is None else range(most):
            sock, _ = listening.accept()
            Thread(target=echo_and_close, args=(sock,), daemon=True).start()


def echo_and_close(sock: socket.socket) -> None:
    with sock, suppress(OSError):
        echo(sock)


def fill(member: Member) -> int:
    """Open streams that say much until one is refused, then such that say little; the number of the last one."""
    stream = 0
    for size in (INITIAL_WINDOW, KIB):
        accepted = True
        while accepted:
            stream += 1
            accepted = open_stream(member, stream, size)
    return stream


def open_stream(member: Member, stream: int, size: int) -> bool:
    """Open a stream and say so many bytes on it; whether it was accepted."""
    member.say(frames.pack_open(stream, "", None), data_frame(stream, bytes(size)))
    member.say(frames.pack_ping(stream))
    heard: list[object] = []
    while frames.Pong(stream) not in heard:
        heard += member.hear()
    return frames.Rst(stream, ResetCode.LIMIT) not in heard


def test_a_proxy_whose_limit_is_small_still_carries_much(tmp_path: Path, server: Server) -> None:
    """The limit holds back, it does not break."""
    message = bytes(range(256)) * (128 * KIB)
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}", both=("--max-memory", f"{LIMIT}B")) as tunnel:
        assert exchange(tunnel.port, message) == message
