"""SIGHUP: keys are read again, and nothing that is under way notices, but for those whose key was taken away."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.proxies import COMMANDS, Proxy
from tests.support.servers import CHUNK, Server, connect, digest, echo, exchange, finish, open_client, pieces
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE

SIZE = 64 << 20


def keygen(*arguments: str | Path) -> None:
    subprocess.run([COMMANDS / "wormhole-keygen", *arguments], check=True, capture_output=True)


def reload(proxy: Proxy) -> None:
    """Let a proxy read its key file again, and wait until it has."""
    before = proxy.log.count("read again")
    proxy.signal(signal.SIGHUP)
    proxy.wait_for("read again", before + 1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo) as server:
        yield server


def test_a_reload_under_load_loses_no_byte(tmp_path: Path, server: Server) -> None:
    """Both proxies get a new first key, and the transfers that were under way keep the old one."""
    began = Event()

    def send(client: socket.socket) -> None:
        for piece in pieces(1, SIZE):
            client.sendall(piece)
            began.set()
        client.shutdown(socket.SHUT_WR)

    with Tunnel(tmp_path, f"127.0.0.1:{server.port}") as tunnel, connect(tunnel.port) as client:
        sender = Thread(target=send, args=(client,), daemon=True)
        sender.start()
        assert began.wait(DEADLINE)
        keygen("-k", tmp_path / "key.yaml", "--rotate", "--client", "--name", "new")
        for proxy in (tunnel.server, tunnel.client):
            reload(proxy)
        tunnel.client.wait_for("up with key new")
        assert digest(iter(lambda: client.recv(CHUNK), b"")) == digest(pieces(1, SIZE))
        sender.join(DEADLINE)
        assert exchange(tunnel.port, b"new") == b"new"
        assert tunnel.server.log.count("with key default") == tunnel.server.log.count("with key new") == 1


def test_a_client_proxy_keeps_its_old_session_until_its_streams_end(tmp_path: Path, server: Server) -> None:
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}") as tunnel, open_client(tunnel.port) as client:
        keygen("-k", tmp_path / "key.yaml", "--rotate", "--client", "--name", "new")
        reload(tunnel.server)
        reload(tunnel.client)
        tunnel.server.wait_for("with key new")
        assert "session ended" not in tunnel.server.log
        assert exchange(tunnel.port, b"new") == b"new"
        finish(client)
        tunnel.server.wait_for("session ended: closed by the client")


def test_a_client_proxy_works_on_with_its_old_key_while_the_server_proxy_does_not_know_the_new_one(
    tmp_path: Path, server: Server
) -> None:
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}") as tunnel:
        assert exchange(tunnel.port, b"old") == b"old"
        keygen("-k", tmp_path / "key.yaml", "--rotate", "--client", "--name", "new")
        reload(tunnel.client)
        tunnel.server.wait_for("it gets no answer")
        assert exchange(tunnel.port, b"old") == b"old"
        reload(tunnel.server)
        tunnel.server.wait_for("with key new")


@pytest.mark.parametrize("broken", ["key: c2VjcmV0\n", None])
@pytest.mark.parametrize("which", ["client", "server"])
def test_a_broken_key_file_is_reported_and_the_old_keys_stay(
    tmp_path: Path, server: Server, which: str, broken: str | None
) -> None:
    with Tunnel(tmp_path, f"127.0.0.1:{server.port}") as tunnel, open_client(tunnel.port) as client:
        proxy = tunnel.client if which == "client" else tunnel.server
        key = tmp_path / "key.yaml"
        shutil.copy(key, tmp_path / "kept.yaml")
        key.unlink() if broken is None else key.write_text(broken)
        proxy.signal(signal.SIGHUP)
        proxy.wait_for("the old keys stay")
        assert "c2VjcmV0" not in proxy.log
        assert "Traceback" not in proxy.log
        assert exchange(tunnel.port, b"works") == b"works"
        finish(client)
        shutil.copy(tmp_path / "kept.yaml", key)
        reload(proxy)
        assert exchange(tunnel.port, b"works") == b"works"


def test_a_key_from_standard_input_is_kept(tmp_path: Path, key: str) -> None:
    with (
        Proxy(tmp_path, "far", "-S", "-k", key) as far,
        Path(key).open() as standard_input,
        Proxy(tmp_path, "near", "-k", "-", "-s", far.address, stdin=standard_input.fileno()) as near,
    ):
        near.signal(signal.SIGHUP)
        near.wait_for("a key from standard input can't be read again")


def test_a_removed_key_ends_its_sessions_at_once_and_no_others(tmp_path: Path, key: str, server: Server) -> None:
    theirs = tmp_path / "berlin.yaml"
    keygen("-k", key, "--add", "--name", "berlin")
    keygen("-k", theirs, "--from", key, "--name", "berlin")
    with ExitStack() as stack:
        far = stack.enter_context(Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}"))
        ours = stack.enter_context(Proxy(tmp_path, "ours", "-k", key, "-s", far.address))
        berlin = stack.enter_context(Proxy(tmp_path, "berlin", "-k", str(theirs), "-s", far.address))
        our_client, their_client = (stack.enter_context(open_client(proxy.port)) for proxy in (ours, berlin))
        ours_alone = tmp_path / "alone.yaml"
        keygen("-k", ours_alone, "--from", key, "--name", "default")
        ours_alone.replace(key)
        reload(far)
        with pytest.raises(ConnectionResetError):
            their_client.recv(1)
        far.wait_for("key berlin was removed")
        berlin.wait_for("no answer to the handshake: another key")
        finish(our_client)
