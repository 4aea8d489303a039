"""Reading the PROXY protocol header that a balancer puts ahead of a connection, before anything else is done with it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from wormhole_tunnel.net.addresses import SourceAddress
from wormhole_tunnel.net.proxy_protocol import MAX_V2, ProxyHeaderError, parse
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.observe.logs import get_logger, log_event

HEADER_TIMEOUT: Final = 5.0  # seconds; a balancer sends it with the connection
MAX_WAITING: Final = 1024

Introduced = Callable[[socket.socket, SourceAddress, bytes], None]
_log = get_logger("wormhole.client")


class Introduction:
    """One connection whose header is awaited."""

    __slots__ = ("_data", "_hall", "_loop", "_socket", "_source", "_timer")

    def __init__(self, hall: Hall, sock: socket.socket, source: SourceAddress) -> None:
        self._hall = hall
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._source = source
        self._data = bytearray()
        self._timer = self._loop.call_later(HEADER_TIMEOUT, self._fail, f"nothing complete within {HEADER_TIMEOUT:g} s")
        self._loop.add_reader(sock, self._on_readable)

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(MAX_V2 - len(self._data))
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(str(error.strerror))
            return
        if not data:
            self._fail("the connection ended")
            return
        self._data += data
        try:
            header = parse(self._data)
        except ProxyHeaderError as error:
            self._fail(str(error))
            return
        if header is not None:
            self._leave()
            self._hall.introduced(self._socket, header.source or self._source, bytes(self._data[header.size :]))

    def _fail(self, reason: str) -> None:
        message = f"{self._source} sent no PROXY protocol header: {reason}"
        level = logging.WARNING if self._data else logging.DEBUG  # a health probe connects and says nothing
        log_event(_log, level, "proxy_header_failed", message, source=str(self._source))
        self.close()
        self._hall.failed()

    def _leave(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._hall.waiting.discard(self)

    def close(self) -> None:
        """Reset the connection."""
        self._leave()
        reset_on_close(self._socket)
        self._socket.close()


class Hall:
    """The connections whose header is awaited. `introduced` gets the socket, the client's address, and what followed."""

    def __init__(self, introduced: Introduced, failed: Callable[[], None]) -> None:
        self.introduced = introduced
        self.failed = failed
        self.waiting: set[Introduction] = set()

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self.waiting) >= MAX_WAITING

    def enter(self, sock: socket.socket, source: SourceAddress) -> None:
        """Wait for this connection's header."""
        self.waiting.add(Introduction(self, sock, source))

    def close(self) -> None:
        """Reset them all."""
        for introduction in list(self.waiting):
            introduction.close()
