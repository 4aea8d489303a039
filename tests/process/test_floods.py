"""Floods against a server proxy: whoever holds a key still enters soon, memory stays bounded, and the log readable.

All traffic comes from this machine, from as many of its loopback addresses as an attacker may have (Linux has them all).
"""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest

from tests.engine.hostile import data_frame
from tests.support.member import Member, time_to_enter
from tests.support.proxies import Proxy
from tests.support.waiting import DEADLINE, wait_until
from wormhole_tunnel.keys.keyfile import dump_keyring
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.limits import INITIAL_WINDOW, MESSAGE1_SIZE, PROBE_LINKS
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode

MIB = 1 << 20
SOON = 2.0  # seconds: the promise of docs/threat-model.md
FRIEND, ENEMY = Key("friend", os.urandom(32)), Key("enemy", os.urandom(32))
FEW_LINES = 60  # of log, whatever happens


@pytest.fixture(autouse=True)
def _many_descriptors() -> Iterator[None]:
    """This process may open as many as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def target() -> Iterator[int]:
    """The port of a server that ends each connection at once: a flood must not keep the test itself busy."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        thread = Thread(target=accept_and_close, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)


def accept_and_close(listening: socket.socket) -> None:
    with suppress(OSError):
        while True:
            listening.accept()[0].close()


@pytest.fixture
def start(tmp_path: Path, target: int) -> Iterator[Callable[..., Proxy]]:
    """Starts a server proxy that knows two keys, in front of that server or another."""
    key_file = tmp_path / "key.yaml"
    key_file.write_text(dump_keyring(Keyring((FRIEND, ENEMY))))
    key_file.chmod(0o600)
    with ExitStack() as stack:

        def make(port: int = target) -> Proxy:
            arguments = ("-S", "-s", f"127.0.0.1:{port}", "-k", str(key_file))
            return stack.enter_context(Proxy(tmp_path, "server", *arguments))

        yield make


def sources(count: int) -> Iterator[str]:
    """So many addresses, each its own source."""
    return (f"127.7.{number // 250}.{number % 250 + 1}" for number in range(count))


def connect_from(source: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), DEADLINE, (source, 0))


class Flood:
    """Does the same thing again and again in a thread, until the context ends; an error ends one turn only."""

    def __init__(self, turn: Callable[[], None]) -> None:
        self._turn = turn
        self._over = Event()
        self.turns = 0

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(DEADLINE)

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                self._turn()
            self.turns += 1


def assert_calm(proxy: Proxy, memory_before: int, memory_allowed: int) -> None:
    """What a flood may cost."""
    assert proxy.memory() < memory_before + memory_allowed
    lines = proxy.log.splitlines()
    assert len(lines) < FEW_LINES, "\n".join(lines[:100])
    assert "Traceback" not in proxy.log


def test_two_thousand_links_without_a_valid_tag(start: Callable[..., Proxy]) -> None:
    proxy = start()
    assert time_to_enter(proxy.port, FRIEND) < SOON
    before, descriptors = proxy.memory(), proxy.descriptors()
    with ExitStack() as flood:
        for number, source in enumerate(sources(2000)):
            link = flood.enter_context(connect_from(source, proxy.port))
            with suppress(ConnectionError):
                link.sendall(os.urandom(MESSAGE1_SIZE) if number % 2 else b"GET / HTTP/1.1\r\n\r\n")
            if number % 500 == 499:
                assert time_to_enter(proxy.port, FRIEND) < SOON  # by then all before it have been accepted
                assert proxy.descriptors() <= descriptors + PROBE_LINKS + 4
        assert_calm(proxy, before, 32 * MIB)


def test_slowloris(start: Callable[..., Proxy]) -> None:
    """A byte at a time, on as many links as the pool holds."""
    proxy = start()
    before = proxy.memory()
    with ExitStack() as stack:
        links = [stack.enter_context(connect_from(source, proxy.port)) for source in sources(2 * PROBE_LINKS)]

        def one_byte_each() -> None:
            for link in links:
                with suppress(OSError):
                    link.send(b"x")

        with Flood(one_byte_each):
            for _ in range(3):
                assert time_to_enter(proxy.port, FRIEND) < SOON
            assert_calm(proxy, before, 32 * MIB)


def test_a_crowd_from_one_address_does_not_shut_it_out(start: Callable[..., Proxy]) -> None:
    """The legitimate client shares the address: its link is tagged within a round trip."""
    proxy = start()
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect_from("127.0.0.1", proxy.port))
        assert time_to_enter(proxy.port, FRIEND) < SOON


def test_handshakes_with_a_valid_key_as_fast_as_they_go(start: Callable[..., Proxy]) -> None:
    """Begun and never confirmed, from many addresses."""
    proxy = start()
    assert time_to_enter(proxy.port, FRIEND) < SOON
    before = proxy.memory()
    origins = sources(50_000)

    def begin() -> None:
        begun.enter_context(Member(proxy.port, ENEMY, next(origins))).begin()

    with ExitStack() as begun, Flood(begin) as flood:
        wait_until(lambda: flood.turns > 300, "the burst to be used up")
        for _ in range(3):
            assert time_to_enter(proxy.port, FRIEND) < SOON
        proxy.wait_for("too many handshakes")
        assert_calm(proxy, before, 64 * MIB)


def test_streams_opened_and_reset_without_end(start: Callable[..., Proxy]) -> None:
    """A member's records are full of OPEN and RST: each asks for a connection, and none is wanted."""
    proxy = start()
    assert time_to_enter(proxy.port, FRIEND) < SOON
    before = proxy.memory()
    next_stream = 1

    def open_and_reset() -> None:
        nonlocal next_stream
        said = []
        for stream in range(next_stream, next_stream + 5000):
            said += [frames.pack_open(stream, "", None), frames.pack_rst(stream, ResetCode.RESET)]
        next_stream += 5000
        enemy.say(*said)

    with Member(proxy.port, ENEMY) as enemy:
        enemy.enter()
        with Flood(open_and_reset) as flood:
            wait_until(lambda: flood.turns > 10, "the flood")
            for _ in range(3):
                assert time_to_enter(proxy.port, FRIEND) < SOON
    assert_calm(proxy, before, 64 * MIB)


def test_streams_that_are_refused_without_end(start: Callable[..., Proxy]) -> None:
    """Each OPEN costs an attempt to connect and draws an RST, which the member never reads."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = start(nobody.getsockname()[1])
        before = proxy.memory()
        opens = iter(range(1, 1 << 30, 5000))

        def open_many() -> None:
            first = next(opens)
            enemy.say(*(frames.pack_open(stream, "", None) for stream in range(first, first + 5000)))

        with Member(proxy.port, ENEMY) as enemy, Member(proxy.port, FRIEND) as friend:
            enemy.enter()
            with Flood(open_many) as flood:
                wait_until(lambda: flood.turns > 5, "the flood")
                begun = time.monotonic()
                friend.enter()
                friend.say(frames.pack_open(1, "", None))
                assert friend.hear_reset(1).code is ResetCode.REFUSED
                assert time.monotonic() < begun + SOON
        assert_calm(proxy, before, 64 * MIB)


def test_data_that_no_server_reads(start: Callable[..., Proxy]) -> None:
    """A member fills the window of each of a thousand streams; the server behind reads none of them."""
    with socket.create_server(("127.0.0.1", 0), backlog=2000) as deaf:
        proxy = start(deaf.getsockname()[1])
        before = proxy.memory()
        window = bytes(INITIAL_WINDOW)
        with Member(proxy.port, ENEMY) as enemy:
            enemy.enter()
            for stream in range(1, 1001):
                enemy.say(frames.pack_open(stream, "", None), data_frame(stream, window))
            enemy.say(frames.pack_ping(1))
            while frames.Pong(1) not in enemy.hear():
                pass
            assert proxy.memory() < before + 1000 * INITIAL_WINDOW + 32 * MIB
            with suppress(ConnectionError):
                for _ in range(64 * MIB // INITIAL_WINDOW):  # more than any window, and all that the kernel takes
                    enemy.say(data_frame(1000, window))
            proxy.wait_for("beyond its window")
