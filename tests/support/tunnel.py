"""A whole tunnel as its users run it: the two commands, a key, and a server behind them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.proxies import Proxy, make_key


class Tunnel:
    """A client proxy and a server proxy in front of `target`; `listen` and `link` are where they listen.

    Addresses are as on the command line; by default free ports of 127.0.0.1 are taken. `port` is the client proxy's.
    """

    def __init__(
        self,
        folder: Path,
        target: str,
        *,
        listen: str | None = None,
        link: str | None = None,
        both: tuple[str, ...] = (),
        server: tuple[str, ...] = (),
        client: tuple[str, ...] = (),
    ) -> None:
        key = folder / "key.yaml"
        if not key.exists():
            make_key(folder)
        keys = ("-k", str(key))
        self.server = Proxy(folder, "server", "-S", "-s", target, *keys, *both, *server, listen=link)
        self.client = Proxy(folder, "client", "-s", self.server.address, *keys, *both, *client, listen=listen)
        self._running = ExitStack()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self.client.port

    @property
    def proxies(self) -> tuple[Proxy, Proxy]:
        """Both, the client proxy first."""
        return self.client, self.server

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.server)
            starting.enter_context(self.client)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
