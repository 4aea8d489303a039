"""A forwarder between the proxies that holds no key: it notes times and sizes, as an eavesdropper would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Final, Self

from wormhole_tunnel.cli.demo.wire import copy
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address, SourceAddress
from wormhole_tunnel.net.dial import Dialer, DialError
from wormhole_tunnel.net.listen import Listener
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.tasks import Tasks

MOST_PASSAGES: Final = 1_000_000  # then the capture is full: about 100 MB
_DIAL_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Passage:
    """Bytes that passed at once: seconds since the capture began, how many, and whether towards the server proxy."""

    at: float
    size: int
    upward: bool


class Capture:
    """Listens on `listen` and forwards to `server`. An async context manager; raises ListenError."""

    def __init__(self, listen: Address, server: Address) -> None:
        self.passages: list[Passage] = []
        self._listen = listen
        self._server = server
        self._tasks = Tasks()
        self._began = 0.0

    async def __aenter__(self) -> Self:
        self._dialer = Dialer(Resolver(), self._tasks)
        self._listener = Listener.open(self._listen, self._accept)
        self.restart()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await self._tasks.close()

    @property
    def address(self) -> Address:
        """Where it listens, with the real port."""
        return self._listener.address

    def restart(self) -> None:
        """Forget what passed; time begins anew."""
        self.passages.clear()
        self._began = clock.now()

    @property
    def seconds(self) -> float:
        """How long it has been watching."""
        return clock.now() - self._began

    def _accept(self, sock: socket.socket, source: SourceAddress) -> None:
        _ = self._tasks.spawn(self._carry(sock), f"link from {source}")

    async def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(DialError), await self._dialer.dial(self._server, _DIAL_TIMEOUT) as far:
            await self._copy_both_ways(near, far)

    async def _copy_both_ways(self, near: socket.socket, far: socket.socket) -> None:
        up = self._tasks.spawn(copy(near, far, lambda piece: self._note(len(piece), upward=True)), "upward")
        down = self._tasks.spawn(copy(far, near, lambda piece: self._note(len(piece), upward=False)), "downward")
        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(up, down)
        finally:
            up.cancel()
            down.cancel()

    def _note(self, size: int, *, upward: bool) -> None:
        if len(self.passages) < MOST_PASSAGES:
            self.passages.append(Passage(self.seconds, size, upward))
