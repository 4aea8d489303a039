"""Strangers learn nothing: whatever they send, and however much, they hear not a byte and are reset at the deadline."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.member import Member
from tests.support.proxies import Proxy, make_key
from tests.support.servers import connect
from tests.support.waiting import DEADLINE
from wormhole_tunnel.keys.keyfile import load_keyring
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.limits import HANDSHAKE_TIMEOUT, MESSAGE1_SIZE

SIZES = (0, 1, MESSAGE1_SIZE - 1, MESSAGE1_SIZE, MESSAGE1_SIZE + 1, 10**6)


@dataclass
class Probe:
    """A connection, and what came of it. `ended_after` is seconds from its beginning."""

    name: str
    sock: socket.socket
    begun: float
    heard: bytes = b""
    end: str = ""
    ended_after: float = 0.0
    left: bytes = b""

    def fileno(self) -> int:
        return self.sock.fileno()

    def push(self) -> None:
        """Send what the socket takes."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.left = self.left[self.sock.send(self.left) :]

    def look(self) -> None:
        """Note what came."""
        try:
            data = self.sock.recv(4096)
            self.heard += data
            if not data:
                self.end = "end of stream"
        except ConnectionResetError:
            self.end = "reset"
        self.ended_after = time.monotonic() - self.begun
        if self.end:
            self.sock.close()


def begin(name: str, port: int, content: bytes) -> Probe:
    sock = connect(port)
    sock.settimeout(0)
    probe = Probe(name, sock, time.monotonic(), left=content)
    probe.push()
    return probe


def watch(probes: list[Probe]) -> None:
    """Until all have ended."""
    give_up = time.monotonic() + DEADLINE
    while running := [probe for probe in probes if not probe.end]:
        assert time.monotonic() < give_up, running
        readable, writable, _ = select.select(running, [probe for probe in running if probe.left], [], 1.0)
        for probe in readable:
            probe.look()
        for probe in writable:
            if not probe.end:
                probe.push()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(tmp_path, "server", "-S", "-s", "127.0.0.1:1", "-k", str(make_key(tmp_path))) as running:
        yield running


def first_message(key: Key, port: int) -> bytes:
    """A genuine one."""
    with Member(port, key) as member:
        return member._handshake.message1


@pytest.fixture
def contents(tmp_path: Path, proxy: Proxy) -> dict[str, bytes]:
    """What strangers may say."""
    key = load_keyring((tmp_path / "key.yaml").read_text(), "key").first
    genuine = first_message(key, proxy.port)
    by_size = {f"{size} bytes": os.urandom(size) for size in SIZES}
    return by_size | {
        "another key": first_message(Key("other", os.urandom(32)), proxy.port),
        "a bit changed": genuine[:-1] + bytes([genuine[-1] ^ 1]),
        "the genuine one, less a byte": genuine[:-1],
        "HTTP": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        "TLS": bytes.fromhex("16030102000100 01fc0303") + os.urandom(508),
    }


def test_probes_that_wait_look_alike(contents: dict[str, bytes], proxy: Proxy) -> None:
    probes = [begin(name, proxy.port, content) for name, content in contents.items()]
    watch(probes)
    for probe in probes:
        assert (probe.heard, probe.end) == (b"", "reset"), probe
        assert HANDSHAKE_TIMEOUT - 0.5 < probe.ended_after < HANDSHAKE_TIMEOUT + 5, probe


def test_probes_that_end_look_alike(contents: dict[str, bytes], proxy: Proxy) -> None:
    del contents["1000000 bytes"]  # more than is read, so that its end is never seen
    probes = [begin(name, proxy.port, content) for name, content in contents.items()]
    for probe in probes:
        probe.sock.shutdown(socket.SHUT_WR)
    watch(probes)
    for probe in probes:
        assert (probe.heard, probe.end) == (b"", "reset"), probe
        assert probe.ended_after < HANDSHAKE_TIMEOUT / 2, probe
