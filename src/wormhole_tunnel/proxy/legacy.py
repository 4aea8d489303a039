"""Both proxies of `--transport legacy`: a link for each connection, and no session.

The client proxy accepts a client and dials the server proxy; the server proxy accepts a link and dials the server. Either
dials at once, and begins when its dial is through: hence a server proxy's header means that its connection stands. If the
dial fails, the accepted connection is reset.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Final, Self

from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.keys.keyring import Keyring
from wormhole_tunnel.legacy.link import LegacyLink
from wormhole_tunnel.legacy.secretstream import HEADER_SIZE, load_sodium
from wormhole_tunnel.legacy.seen import SeenHeaders
from wormhole_tunnel.net.addresses import Address, SourceAddress
from wormhole_tunnel.net.dial import Dial, Dialer, DialError
from wormhole_tunnel.net.legacy_link import BUFFER_SIZE, LegacyPipe, Patience, PipeEnd, PipeNames
from wormhole_tunnel.net.listen import Listener
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.net.tasks import Tasks
from wormhole_tunnel.observe.counters import Counters
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import (
    ConnectionSnapshot,
    ConnectionState,
    MemorySnapshot,
    Phase,
    ProxySnapshot,
    Role,
)
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.access import Access, Refusal
from wormhole_tunnel.proxy.lifecycle import Emptiness, Lifecycle
from wormhole_tunnel.proxy.pipes import open_listeners, refuse
from wormhole_tunnel.proxy.reaper import Reaper
from wormhole_tunnel.wire.frames import ResetCode

_ID_SIZE: Final = 4  # bytes of the client proxy's header, which both proxies know
_WEAKER: Final = (
    "--transport legacy is weaker than wormhole's own: no forward secrecy, no proof of who began a connection before its"
    " first data, recorded traffic is accepted again after a restart, a cut between two messages looks like an end, and"
    " there is no half-close; use it only until both proxies are replaced"
)
_log = get_logger("wormhole.legacy")
_connection_log = get_logger("wormhole.conn")


@dataclass(frozen=True, slots=True)
class _Role:
    """What differs between the two proxies. `accepts_links`: the accepted socket is the link, the dialled one local."""

    names: PipeNames
    accepts_links: bool
    patience: Patience


_CLIENT_ROLE: Final = _Role(
    PipeNames("client", "server proxy"), accepts_links=False, patience=Patience(answer_grace=0.25)
)
_SERVER_ROLE: Final = _Role(
    PipeNames("server", "client proxy"), accepts_links=True, patience=Patience(answer_grace=0.0)
)


class _LegacyProxy:
    """Async context manager: within it `addresses` are bound."""

    def __init__(self, settings: TunnelSettings, keyring: Keyring, role: _Role) -> None:
        self.settings = settings
        self._access = Access(settings)
        self.role: Final = role
        self.counters: Final = Counters()
        self._keyring = keyring
        self._seen = SeenHeaders()
        self._buffer = memoryview(bytearray(BUFFER_SIZE))
        self._tasks = Tasks()
        self.dialer: Final = Dialer(Resolver(), self._tasks)
        self._listeners: list[Listener] = []
        self._connections: set[_Connection] = set()
        self.lifecycle: Final = Lifecycle()
        self._connections_ended = Emptiness(self._connections)

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, with the real ports."""
        return [listener.address for listener in self._listeners]

    async def __aenter__(self) -> Self:
        """Raises WormholeError without PyNaCl, ListenError if an address can't be listened on."""
        load_sodium()
        self._listeners = open_listeners(self.settings, self._accept)
        self._reaper = Reaper(self._connections, self.settings)
        self.lifecycle.enter(Phase.SERVING)
        log_event(_log, logging.WARNING, "legacy_transport", _WEAKER)
        if len(self._keyring) > 1:
            message = f"--transport legacy uses one key only: {self._keyring.first.name}"
            log_event(_log, logging.WARNING, "legacy_key", message, key=self._keyring.first.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close_listeners()
        self._reaper.close()
        for connection in tuple(self._connections):
            connection.abort("the proxy is shutting down")
        await self._tasks.close()
        self.lifecycle.enter(Phase.STOPPED)

    async def drain(self) -> bool:
        """Accept no more than the kernel has, and let connections end, for the settings' `drain_timeout`; tells whether
        all have.
        """
        for listener in self._listeners:
            listener.take_waiting()
        self.lifecycle.enter(Phase.DRAINING)
        self._close_listeners()
        try:
            async with asyncio.timeout(self.settings.drain_timeout):
                await self._connections_ended.wait()
        except TimeoutError:
            return False
        return True

    def reload(self, keyring: Keyring) -> None:
        """Use the first key of this ring for new connections; open ones keep theirs."""
        self._keyring = keyring

    def apply(self, settings: TunnelSettings) -> None:
        """Limits and access are these from now on."""
        self.settings = self._access.settings = settings
        self._reaper.apply(settings)

    def new_link(self) -> LegacyLink:
        """A link with a header of its own."""
        return LegacyLink(self._keyring.first.secret, self._seen, secrets.token_bytes(HEADER_SIZE))

    def new_pipe(self, connection: _Connection, link: LegacyLink, dialled: socket.socket) -> LegacyPipe:
        """Join the two sockets of a connection."""
        accepted = connection.accepted
        return LegacyPipe(
            link,
            sockets=(dialled, accepted) if self.role.accepts_links else (accepted, dialled),
            buffer=self._buffer,
            names=self.role.names,
            patience=self.role.patience,
            on_header=connection.header_arrived,
            on_end=connection.ended,
        )

    def forget(self, connection: _Connection) -> None:
        """The connection is over."""
        if connection in self._connections:
            self._access.leave(connection.source)
        self._connections.discard(connection)
        self._connections_ended.look()

    def _accept(self, sock: socket.socket, source: SourceAddress) -> None:
        refusal = self._refusal(source)
        if refusal is not None:
            code, reason = refusal
            self.counters.opened += 1
            self.counters.connection_ended(code.name.lower(), 0, 0)
            refuse(_log, sock, source, "client_refused", reason)
            return
        self._access.enter(source)
        connection = _Connection(self, sock, source)
        self.counters.opened += 1
        self._connections.add(connection)
        connection.dial()

    def _refusal(self, source: SourceAddress) -> tuple[ResetCode, str] | None:
        """Why one more connection from there is refused, if it is."""
        if not self._access.allows(source):
            return ResetCode.DENIED, Refusal.NOT_ALLOWED.value
        if self._access.crowding(source) is not None:
            return ResetCode.LIMIT, Refusal.TOO_MANY.value
        if len(self._connections) >= self.settings.max_connections:
            return ResetCode.LIMIT, "--max-connections reached"
        return None

    def snapshot(self, most_connections: int = 0) -> ProxySnapshot:
        """Part of `Observable`. There are no sessions, and links are not counted."""
        role = Role.SERVER if self.role.accepts_links else Role.CLIENT
        carried = [connection.pipe for connection in self._connections if connection.pipe is not None]
        shown = tuple(connection.snapshot(role) for connection in islice(self._connections, most_connections))
        return report.report(
            self.settings,
            role,
            self.lifecycle.phase,
            self.addresses,
            (len(self._connections), shown),
            (),
            (),
            report.totals(self.counters, role, carried, 0.0),
            MemorySnapshot(0, 0, 0),
            self.counters,
        )

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()


class _Connection:
    """One client's connection, from accept to end."""

    __slots__ = ("_addresses", "_deadline", "_dial", "_identity", "_proxy", "_since", "accepted", "pipe", "source")

    def __init__(self, proxy: _LegacyProxy, accepted: socket.socket, source: SourceAddress) -> None:
        self.accepted: Final = accepted
        self._proxy = proxy
        self.source = source
        self._identity = ""
        self._addresses = list(proxy.settings.connect)
        self._since = asyncio.get_running_loop().time()
        self._deadline = self._since + proxy.settings.connect_timeout
        self._dial: Dial | None = None
        self.pipe: LegacyPipe | None = None

    def dial(self) -> None:
        """Try the next address; each that is left may use as much of the remaining time as the others."""
        remaining = max(0.0, self._deadline - asyncio.get_running_loop().time())
        limit = remaining / len(self._addresses)
        self._dial = self._proxy.dialer.dial_soon(self._addresses.pop(0), limit, self._dialled)

    def abort(self, reason: str) -> None:
        """Reset it, whatever it is at."""
        if self.pipe is not None:
            self.pipe.abort(reason)
            return
        if self._dial is not None:
            self._dial.cancel()
        reset_on_close(self.accepted)
        self.accepted.close()
        self._proxy.counters.connection_ended("reset", 0, 0)
        self._proxy.forget(self)

    @property
    def sent(self) -> int:
        """Bytes from the local socket."""
        return self.pipe.sent if self.pipe is not None else 0

    @property
    def received(self) -> int:
        """Bytes for the local socket."""
        return self.pipe.received if self.pipe is not None else 0

    @property
    def half_open(self) -> bool:
        """Whether exactly one side has finished."""
        return self.pipe is not None and self.pipe.half_open

    def expire(self) -> None:
        """Nothing has moved for too long."""
        self.abort("idle for too long")

    def snapshot(self, role: Role) -> ConnectionSnapshot:
        """How it stands."""
        sent, received = self.sent, self.received
        return ConnectionSnapshot(
            id=self._identity,
            peer="",
            source=str(self.source),
            target=", ".join(str(address) for address in self._proxy.settings.connect),
            state=ConnectionState.OPEN if self.pipe is not None else ConnectionState.CONNECTING,
            age_seconds=asyncio.get_running_loop().time() - self._since,
            to_server_bytes=sent if role is Role.CLIENT else received,
            to_client_bytes=received if role is Role.CLIENT else sent,
        )

    def header_arrived(self, header: bytes) -> None:
        """The client proxy's header is what both logs call this connection by."""
        if self._proxy.role.accepts_links:
            self._begin_log(header)

    def ended(self, end: PipeEnd) -> None:
        """Both sockets are closed."""
        self._proxy.forget(self)
        outcome = "protocol" if end.by_protocol else "reset" if end.error else "clean"
        self._proxy.counters.connection_ended(outcome, end.bytes_sent, end.bytes_received)
        closed_by = end.closed_by or "proxy itself"
        reason = f"reset: {end.error}" if end.error else "both sides finished"
        log_event(
            _connection_log,
            _level(end),
            "connection_closed",
            f"{self.source} closed by the {closed_by}, {reason}",
            connection=self._identity,
            source=str(self.source),
            closed_by=closed_by,
            reason=reason,
            bytes_sent=end.bytes_sent,
            bytes_received=end.bytes_received,
            seconds=round(end.seconds, 3),
        )

    def _dialled(self, result: socket.socket | DialError) -> None:
        self._dial = None
        if isinstance(result, socket.socket):
            link = self._proxy.new_link()
            self.pipe = self._proxy.new_pipe(self, link, result)
            if not self._proxy.role.accepts_links:
                self._begin_log(link.header)
            self.pipe.start()
            return
        message = f"can't connect: {result}"
        log_event(_connection_log, logging.WARNING, "connect_failed", message, source=str(self.source))
        if self._addresses:
            self.dial()
        else:
            self.abort("")

    def _begin_log(self, client_header: bytes) -> None:
        self._identity = client_header[:_ID_SIZE].hex()
        log_event(
            _connection_log,
            logging.INFO,
            "connection_opened",
            f"{self.source} -> {', '.join(str(address) for address in self._proxy.settings.connect)}",
            connection=self._identity,
            source=str(self.source),
        )


def _level(end: PipeEnd) -> int:
    if not end.bytes_sent and not end.bytes_received and not end.by_protocol:
        return logging.DEBUG  # a health probe
    return logging.WARNING if end.by_protocol else logging.INFO


class LegacyClientProxy(_LegacyProxy):
    """Accepts clients, and dials the server proxy for each."""

    def __init__(self, settings: TunnelSettings, keyring: Keyring) -> None:
        super().__init__(settings, keyring, _CLIENT_ROLE)


class LegacyServerProxy(_LegacyProxy):
    """Accepts links, and dials the server for each."""

    def __init__(self, settings: TunnelSettings, keyring: Keyring) -> None:
        super().__init__(settings, keyring, _SERVER_ROLE)
