"""A tunnel whose link leads through a forwarder of the tests' own."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.support.forwarder import Forwarder
from tests.support.proxies import Proxy
from tests.support.servers import Handler, Server, echo
from wormhole_tunnel.limits import REDIAL_RESET_BYTES

A_GOOD_LINK = 5 * REDIAL_RESET_BYTES // 4  # bytes; after one that carried so much, the next is dialled at once


class Line:
    """A client proxy, a forwarder, a server proxy and a server in a row. Options are those of the proxies."""

    def __init__(self, folder: Path, key: str, stack: ExitStack) -> None:
        self._folder = folder
        self._key = key
        self._stack = stack
        self.both: tuple[str, ...] = ()
        self.client_options: tuple[str, ...] = ()
        self.server_options: tuple[str, ...] = ()

    def start(self, server: Handler | str = echo, **faults: int) -> Self:
        """Start them, in front of a server with this handler or of one at this address; `faults` are the forwarder's."""
        keys = ("-k", self._key, *self.both)
        target = server if isinstance(server, str) else self._serve(server)
        self._far_command = ("-S", "-s", target, *keys, *self.server_options)
        self.far = self._stack.enter_context(Proxy(self._folder, "far", *self._far_command))
        self.forwarder = self._stack.enter_context(Forwarder(self.far.port, **faults))
        link = f"127.0.0.1:{self.forwarder.port}"
        self.near = self._stack.enter_context(Proxy(self._folder, "near", "-s", link, *keys, *self.client_options))
        return self

    def _serve(self, handler: Handler) -> str:
        return f"127.0.0.1:{self._stack.enter_context(Server(handler)).port}"

    def restart_server_proxy(self) -> None:
        """Kill it, and start another at its address."""
        self.far.end(signal.SIGKILL)
        self.far = Proxy(self._folder, "far2", *self._far_command, listen=self.far.address)
        self._stack.enter_context(self.far)

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self.near.port
