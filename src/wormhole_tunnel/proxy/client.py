"""The client proxy: accepts clients and carries each over a session with a server proxy."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from itertools import takewhile
from types import TracebackType
from typing import Self

from wormhole_tunnel.config.settings import Mode, TunnelSettings
from wormhole_tunnel.crypto.aead import supported_ciphers
from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.keys.keyring import Keyring
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address, SourceAddress
from wormhole_tunnel.net.dial import Dialer
from wormhole_tunnel.net.ephemerals import SystemKeyGenerator
from wormhole_tunnel.net.listen import Listener
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.tasks import Tasks
from wormhole_tunnel.observe.counters import Counters
from wormhole_tunnel.observe.logs import get_logger
from wormhole_tunnel.observe.snapshot import Phase, ProxySnapshot, Role
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.access import Access, Refusal
from wormhole_tunnel.proxy.embedded import STREAM_LIMIT, EmbeddedPipe, Streams
from wormhole_tunnel.proxy.introduction import Hall
from wormhole_tunnel.proxy.lifecycle import Emptiness, Lifecycle, drain
from wormhole_tunnel.proxy.links import UplinkSettings
from wormhole_tunnel.proxy.pipes import connection_id, log_end, log_start, open_listeners, refuse, session_settings
from wormhole_tunnel.proxy.reaper import Reaper
from wormhole_tunnel.proxy.uplink import Uplink, UplinkOwner
from wormhole_tunnel.proxy.uplinks import Uplinks
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

_log = get_logger("wormhole.client")
_MICROSECONDS = 1_000_000


class ClientProxy:
    """An async context manager: listens and dials from `__aenter__` on, and ends every connection at `__aexit__`.

    It works on asyncio's own event loop and on uvloop. `settings.listen` may be empty, for an application that only uses
    `open_connection`; `settings.key_file` is not read. Of `keyring` the first key is used.

    Raises UsageError for a server proxy's settings, and on entering ListenError when an address can't be listened on.
    """

    def __init__(self, settings: TunnelSettings, keyring: Keyring) -> None:
        if settings.mode is not Mode.CLIENT:
            raise UsageError("a ClientProxy takes settings with mode=Mode.CLIENT")
        self._settings = settings
        self._keyring = keyring
        self.counters = Counters()
        self.lifecycle = Lifecycle()
        self._listeners: list[Listener] = []
        self._pipes: set[Pipe] = set()
        self._sources: dict[Pipe, SourceAddress] = {}
        self._access = Access(settings)
        self._hall = Hall(self._begin, self._no_header)
        self._waiting: OrderedDict[Pipe, None] = OrderedDict()  # for a session, the first come first
        self._unopened: dict[Pipe, float] = {}  # deadlines, oldest first
        self._sweep: asyncio.TimerHandle | None = None
        self._became_ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks()
        self._dialer = Dialer(Resolver(), self._tasks)
        self._buffers = Buffers(settings.max_memory)
        self._connections_ended = Emptiness(self._pipes)
        self._reaper = Reaper(self._pipes, settings)
        framing = framing_spec(settings)
        common = UplinkSettings(
            self._keyring.first,
            supported_ciphers(),
            (framing, framing),
            settings.flush_delay,
            session_settings(settings),
            self.counters,
        )
        self._listeners = open_listeners(settings, self._accept)
        places = [address for address in settings.connect for _ in range(settings.links)]
        self._uplinks = Uplinks(self, places, common, settings.prefer, self._make_uplink)
        self._uplinks.dial()
        self.lifecycle.enter(Phase.SERVING)
        return self

    def _make_uplink(self, owner: UplinkOwner, address: Address, settings: UplinkSettings) -> Uplink:
        return Uplink(owner, address, settings, self._dialer, self._buffers, SystemKeyGenerator())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_listeners()
        for pipe in list(self._pipes):
            pipe.abort(ResetCode.DRAINING)
        await self._uplinks.close()
        self._reaper.close()
        if self._sweep is not None:
            self._sweep.cancel()
        await self._tasks.close()
        self.lifecycle.enter(Phase.STOPPED)

    async def drain(self) -> bool:
        """Accept no more clients and let connections end, for the settings' `drain_timeout`; tells whether all have.

        Whom the kernel has connected already is taken in. Clients that still wait for a session are reset: nothing of
        theirs has left, and another proxy may serve them.
        """
        for listener in self._listeners:
            listener.take_waiting()
        self.lifecycle.enter(Phase.DRAINING)
        self._close_listeners()
        for pipe in list(self._waiting):
            pipe.abort(ResetCode.DRAINING)
        return await drain(self._connections_ended.wait, self._uplinks.drained, self._settings.drain_timeout)

    def reload(self, keyring: Keyring) -> None:
        """Found sessions with the first key of this ring from now on; connections stay where they are."""
        changed = keyring.first.secret != self._keyring.first.secret
        self._keyring = keyring
        if changed:
            self._uplinks.replace_key(keyring.first)

    def apply(self, settings: TunnelSettings) -> None:
        """Limits, access and the service of new connections are these from now on; open connections stay."""
        self._settings = self._access.settings = settings
        self._uplinks.preference = settings.prefer
        self._reaper.apply(settings)

    def _close_listeners(self) -> None:
        self._hall.close()
        for listener in self._listeners:
            listener.close()

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, with the real ports."""
        return [listener.address for listener in self._listeners]

    @property
    def ready(self) -> bool:
        """Whether a new connection would be carried at once: there is a session, and its link is up."""
        return self.lifecycle.serving and self._uplinks.ready

    async def wait_ready(self, within: float | None = None) -> None:
        """Wait until `ready`.

        Raises TimeoutError after `within` seconds; None waits for ever, as the proxy itself does.
        """
        async with asyncio.timeout(within):
            while not self.ready:
                self._became_ready.clear()
                await self._became_ready.wait()

    async def open_connection(self, *, limit: int = STREAM_LIMIT) -> Streams:
        """Connect to the server through the tunnel, without a local port; the reader and writer are asyncio's.

        Waits until the server itself is connected, for the settings' `connect_timeout` at most. Half-close is
        `write_eof`, and `writer.transport.abort()` resets the connection. Once it is reset by the server or lost,
        reading and `drain` raise ConnectionResetError. `limit` is that of `asyncio.open_connection`, in bytes.

        Raises ConnectionRefusedError, TimeoutError or ConnectionAbortedError, whose text has the reason.
        """
        if not self.lifecycle.serving:
            raise ConnectionAbortedError("refused: the proxy is stopping")
        reason = self._refusal()
        if reason is not None:
            raise ConnectionAbortedError(f"refused: {reason}")
        pipe = EmbeddedPipe(self._loop, self, self._buffers)
        self._admit(pipe)
        return await pipe.streams(limit)

    # --- clients --------------------------------------------------------------------------------------------------------

    def _accept(self, sock: socket.socket, source: SourceAddress) -> None:
        if not self._access.allows(source):
            self._refuse(sock, source, ResetCode.DENIED, Refusal.NOT_ALLOWED.value)
        elif not self._settings.accept_proxy:
            self._begin(sock, source)
        elif self._hall.full:
            self._refuse(sock, source, ResetCode.LIMIT, "too many have sent no PROXY protocol header yet")
        else:
            self._hall.enter(sock, source)

    def _no_header(self) -> None:
        self.counters.opened += 1
        self.counters.connection_ended(ResetCode.PROTOCOL.name.lower(), 0, 0)

    def _begin(self, sock: socket.socket, source: SourceAddress, first: bytes = b"") -> None:
        """A client from `source`, of whom `first` has been read already."""
        crowding = self._access.crowding(source)
        reason = crowding.value if crowding is not None else self._refusal()
        if reason is not None:
            self._refuse(sock, source, ResetCode.LIMIT, reason)
            return
        pipe = Pipe(self._loop, self, sock, self._buffers)
        pipe.source = str(source)
        pipe.address = _frame_source(source)
        self._access.enter(source)
        self._sources[pipe] = source
        self._admit(pipe, first)

    def _refuse(self, sock: socket.socket, source: SourceAddress, code: ResetCode, reason: str) -> None:
        self.counters.opened += 1
        self.counters.connection_ended(code.name.lower(), 0, 0)
        refuse(_log, sock, source, "client_refused", reason)

    def _admit(self, pipe: Pipe, first: bytes = b"") -> None:
        self._pipes.add(pipe)
        self.counters.opened += 1
        self._unopened[pipe] = pipe.started_at + self._settings.connect_timeout
        self._sweep_later()
        pipe.wait(first)
        if not pipe.closed:
            self.place(pipe)

    def _refusal(self) -> str | None:
        """Why one more client is refused, if it is."""
        if len(self._pipes) >= self._settings.max_connections:
            return "--max-connections reached"
        return "--max-memory reached" if self._buffers.crowded else None

    def place(self, pipe: Pipe) -> None:
        """Open the client's stream on the best uplink there is, or let it wait for one."""
        uplink = self._uplinks.choose()
        if uplink is None:
            self._waiting[pipe] = None
        else:
            self._open(pipe, uplink)

    def _open(self, pipe: Pipe, uplink: Uplink) -> None:
        session, pump = uplink.session, uplink.pump
        assert session is not None
        assert pump is not None
        stream = session.open_stream(clock.now(), self._settings.service, pipe.address)
        pipe.label = connection_id(session, stream.id)
        pipe.attach(pump, stream)
        pump.committed()
        log_start(pipe, str(uplink.address))
        if session.exhausted:
            self._uplinks.uplink_leaving(uplink)

    def uplink_ready(self) -> None:
        """Clients that waited go first."""
        while self._waiting and (uplink := self._uplinks.choose()) is not None:
            pipe, _ = self._waiting.popitem(last=False)
            self._open(pipe, uplink)
        self._became_ready.set()

    def pipe_ended(self, pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
        """Part of `PipeOwner`."""
        self._pipes.discard(pipe)
        self._unopened.pop(pipe, None)
        self._waiting.pop(pipe, None)
        self._access.leave(self._sources.pop(pipe, SourceAddress()))
        self.counters.connection_ended(report.outcome_of(end, code), pipe.sent, pipe.received)
        log_end(pipe, end, code)
        self._uplinks.end_idle()
        self._connections_ended.look()

    # --- what an operator sees ------------------------------------------------------------------------------------------

    def snapshot(self, most_connections: int = 0) -> ProxySnapshot:
        """Part of `Observable`."""
        now = clock.now()
        sessions = [uplink.session for uplink in self._uplinks if uplink.session is not None]
        addresses = {report.session_name(up.session): str(up.address) for up in self._uplinks if up.session is not None}
        peers = tuple(uplink.snapshot() for uplink in self._uplinks)
        shown = report.busiest(
            self._pipes,
            most_connections,
            Role.CLIENT,
            lambda pipe: addresses.get(pipe.label.partition("/")[0], ""),
            now,
        )
        linkless = sum(uplink.linkless for uplink in self._uplinks)
        return report.report(
            self._settings,
            Role.CLIENT,
            self.lifecycle.phase,
            self.addresses,
            (len(self._pipes), shown),
            peers,
            report.keys(self._keyring, self.counters.key_last_used.get, peers),
            report.totals(self.counters, Role.CLIENT, self._pipes, linkless),
            report.memory(self._buffers, sessions),
            self.counters,
        )

    # --- clients whose stream does not open -----------------------------------------------------------------------------

    def _sweep_later(self) -> None:
        if self._sweep is None and self._unopened:
            pause = max(0.0, next(iter(self._unopened.values())) - clock.now())
            self._sweep = self._loop.call_later(pause, self._sweep_unopened)

    def _sweep_unopened(self) -> None:
        """Reset clients that have waited for `connect_timeout`; all have the same, so the oldest stands first."""
        self._sweep = None
        now = clock.now()
        due = list(takewhile(lambda pipe: self._unopened[pipe] <= now, self._unopened))
        for pipe in due:
            self._unopened.pop(pipe, None)
            if pipe.stream is None or not pipe.stream.opened:
                pipe.abort(ResetCode.TIMEOUT)
        self._sweep_later()


def _frame_source(source: SourceAddress) -> frames.SourceAddress | None:
    """A client's address for OPEN; none for a Unix socket's."""
    return frames.SourceAddress(source.host, source.port) if source.host else None


def framing_spec(settings: TunnelSettings) -> FramingSpec:
    """The framing that a client proxy asks for, the same in both directions."""
    if settings.framing is not FramingMode.CONSTANT:
        return FramingSpec(settings.framing, settings.message_size)
    return FramingSpec(
        settings.framing, settings.message_size, round(settings.message_size / settings.rate * _MICROSECONDS)
    )
