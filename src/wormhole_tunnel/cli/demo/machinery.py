"""What a demonstration needs around it: a key, the proxies as processes of their own, and an echo server."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wormhole_tunnel.cli.demo.wire import copy, listening_socket, port_of
from wormhole_tunnel.config.keystore import create_key_file
from wormhole_tunnel.errors import WormholeError
from wormhole_tunnel.keys.keyfile import dump_key
from wormhole_tunnel.keys.keyring import SECRET_SIZE

_PATIENCE: Final = 15.0  # seconds for a process to start, and for a link to come up
_END_PATIENCE: Final = 5.0  # seconds for a process to end before it is killed
_KEPT_LINES: Final = 50


def make_key(folder: Path) -> Path:
    """A new key file, as `wormhole-keygen` makes it."""
    key_file = folder / "key.yaml"
    create_key_file(str(key_file), dump_key(secrets.token_bytes(SECRET_SIZE)))
    return key_file


class ProxyProcess:
    """A `wormhole` process on a free port. Leaving the context ends it, whatever has happened."""

    def __init__(self, name: str, key_file: Path, *options: str) -> None:
        self.name = name
        self.port = 0
        self._command = [sys.executable, "-P", "-m", "wormhole_tunnel", *options, "-k", str(key_file)]
        self._command += ["-c", "127.0.0.1:0", "--log", "info", "--log-format", "json", "--drain-timeout", "0"]
        self._events: dict[str, asyncio.Event] = {}
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def __enter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("WORMHOLE_", "RUST_"))}
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.terminate()
            self._process.wait(_END_PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()

    async def follow(self) -> None:
        """Read its log until it ends, which it is not meant to do. Raises WormholeError."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._process.stderr)
        while line := await reader.readline():
            self._take(line.decode(errors="replace").strip())
        raise WormholeError(f"the {self.name} has ended: {self._lines[-1] if self._lines else 'it said nothing'}")

    def _take(self, line: str) -> None:
        if not line.startswith("{"):
            self._lines.append(line)
            return
        entry = json.loads(line)
        self._lines.append(str(entry["message"]))
        if entry["event"] == "started":
            self.port = int(str(entry["listen"]).rpartition(":")[2])
        self._event(entry["event"]).set()

    def _event(self, name: str) -> asyncio.Event:
        return self._events.setdefault(name, asyncio.Event())

    async def wait_for(self, event: str) -> None:
        """Wait until its log has that event. Raises WormholeError."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._event(event).wait()
        except TimeoutError:
            heard = self._lines[-1] if self._lines else "nothing"
            raise WormholeError(f"the {self.name} is not ready after {_PATIENCE:.0f} s; it says: {heard}") from None


class EchoServer:
    """Says back what it is told. What it got is kept in `received` while `recording`."""

    def __init__(self) -> None:
        self.recording = False
        self.received = bytearray()
        self._listening = listening_socket()

    @property
    def port(self) -> int:
        """Where it listens."""
        return port_of(self._listening)

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        with self._listening:
            async with asyncio.TaskGroup() as group:
                while True:
                    sock, _ = await loop.sock_accept(self._listening)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    group.create_task(self._serve(sock))

    async def _serve(self, sock: socket.socket) -> None:
        with sock:
            await copy(sock, sock, self._record)

    def _record(self, piece: memoryview) -> None:
        if self.recording:
            self.received += piece
