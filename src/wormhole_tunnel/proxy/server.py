"""The server proxy: accepts links from client proxies, and connects their streams to a server."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from functools import partial
from types import TracebackType
from typing import Self

from wormhole_tunnel.config.settings import Mode, ProxyHeader, TunnelSettings
from wormhole_tunnel.errors import ProtocolError, UsageError
from wormhole_tunnel.keys.keyring import Keyring
from wormhole_tunnel.limits import CLOSE_TIMEOUT
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address, SourceAddress
from wormhole_tunnel.net.dial import Dialer
from wormhole_tunnel.net.ephemerals import SystemKeyGenerator
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.net.listen import Listener
from wormhole_tunnel.net.pipe import Pipe
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.socket_options import set_link_options
from wormhole_tunnel.net.tasks import Tasks
from wormhole_tunnel.observe.counters import Counters, HandshakeResult
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import Phase, ProxySnapshot, Role
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.access import Access
from wormhole_tunnel.proxy.gate import Gate
from wormhole_tunnel.proxy.lifecycle import Emptiness, Lifecycle, drain
from wormhole_tunnel.proxy.pipes import is_violation, open_listeners, refuse, session_settings
from wormhole_tunnel.proxy.reaper import Reaper
from wormhole_tunnel.proxy.served import ServedSession
from wormhole_tunnel.proxy.services import Services
from wormhole_tunnel.proxy.upstreams import Upstreams
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.host import HandshakeLimitedError, HostSettings, SessionHost
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.negotiation import INSTANCE_SIZE, FramingMode

_log = get_logger("wormhole.link")


class ServerProxy:
    """An async context manager: listens from `__aenter__` on, and ends every connection at `__aexit__`.

    It works on asyncio's own event loop and on uvloop. `settings.key_file` is not read: a client proxy is let in with any
    key of `keyring`.

    Raises UsageError for a client proxy's settings, and on entering ListenError when an address can't be listened on.
    """

    def __init__(self, settings: TunnelSettings, keyring: Keyring) -> None:
        if settings.mode is not Mode.SERVER:
            raise UsageError("a ServerProxy takes settings with mode=Mode.SERVER")
        self._settings = settings
        self._keyring = keyring
        self.counters = Counters()
        self.lifecycle = Lifecycle()
        self._pipes: set[Pipe] = set()
        self._access = Access(settings)
        self._listeners: list[Listener] = []
        self._served: dict[Session, ServedSession] = {}

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks()
        self._connections_ended = Emptiness(self._pipes)
        self._sessions_ended = Emptiness(self._served)
        self._gate = Gate(self._loop, random.SystemRandom())
        self._buffers = Buffers(settings.max_memory)
        host_settings = HostSettings(
            session_settings(settings),
            settings.max_sessions,
            settings.max_skew,
            settings.framing is FramingMode.EXACT,
            settings.flush_delay,
        )
        self._host = SessionHost(
            self._keyring, os.urandom(INSTANCE_SIZE), host_settings, self._buffers, SystemKeyGenerator(), clock.unix_ms
        )
        self._listeners = open_listeners(settings, self._accept)
        self._dialer = Dialer(Resolver(), self._tasks)
        self._services = Services(settings, self._dialer)
        self._reaper = Reaper(self._pipes, settings)
        self.lifecycle.enter(Phase.SERVING)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._listeners:
            listener.close()
        self._gate.close()
        for served in list(self._served.values()):
            served.close()
        await self._end_sessions()
        for pipe in list(self._pipes):
            pipe.abort(ResetCode.DRAINING)
        self._services.close()
        self._reaper.close()
        await self._tasks.close()
        self.lifecycle.enter(Phase.STOPPED)

    async def _end_sessions(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._sessions_ended.wait()
        except TimeoutError:
            for served in list(self._served.values()):
                served.end(ResetCode.DRAINING, "stopped")

    async def drain(self) -> bool:
        """Take no more sessions and streams, and let connections end, for the settings' `drain_timeout`; tells whether
        all have. Sessions may still be resumed.
        """
        self.lifecycle.enter(Phase.DRAINING)
        self._host.draining = True
        for served in list(self._served.values()):
            served.drain()
        return await drain(self._connections_ended.wait, self._sessions_ended.wait, self._settings.drain_timeout)

    def reload(self, keyring: Keyring) -> None:
        """Let clients in with the keys of this ring from now on; whoever uses one that is not in it is shut out at once."""
        for session in self._host.replace_keyring(keyring):
            served = self._served.get(session)
            if served is not None:
                served.revoke()

    def apply(self, settings: TunnelSettings) -> None:
        """Limits, access, services and what servers are told are these from now on; open connections stay."""
        self._services.close()
        self._settings = self._access.settings = settings
        self._services = Services(settings, self._dialer)
        self._reaper.apply(settings)

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, with the real ports."""
        return [listener.address for listener in self._listeners]

    # --- links ----------------------------------------------------------------------------------------------------------

    def _accept(self, sock: socket.socket, source: SourceAddress) -> None:
        refusal = self._access.refusal(source)
        if refusal is not None:
            self.counters.handshakes[HandshakeResult.DENIED] += 1
            refuse(_log, sock, source, "link_denied", refusal.value)
            return
        set_link_options(sock)
        link = ServerLink(self._host, self._buffers, clock.now())
        driver = LinkDriver(self._loop, sock, link, self)
        driver.source = source
        self._access.enter(source)
        driver.released = partial(self._access.leave, source)
        driver.tally = self.counters.links
        self.counters.links.begin(link)
        self._gate.enter(driver, source)
        driver.start()

    def link_event(self, driver: LinkDriver, event: events.Event) -> None:
        """Part of `LinkHandler`."""
        match event:
            case events.PeerTagged():
                self._gate.tagged(driver)
            case events.LinkUp(session, resumed):
                self._gate.forget(driver)
                self._link_up(driver, session, resumed)
            case _:
                served = self._served_by(driver)
                if served is not None:
                    served.link_event(event)

    def _link_up(self, driver: LinkDriver, session: Session, resumed: bool) -> None:
        served = self._served.get(session)
        if served is None:
            served = self._served[session] = ServedSession(self, session, self._buffers)
        served.attach(driver)
        if self._host.draining:
            served.drain()
        linkless = clock.now() - session.down_since if resumed else 0.0
        self.counters.link_up(served.name, clock.unix_ms() / 1000, linkless, resumed=resumed)
        word = "resumed" if resumed else "begun"
        key = session.identity.key_name
        log_event(
            _log,
            logging.INFO,
            f"session_{word}",
            f"session {served.name} {word} from {driver.source} with key {key}",
            session=served.name,
            source=str(driver.source),
            key=key,
        )

    def link_closed(self, driver: LinkDriver, error: ProtocolError | OSError | None) -> None:
        """Part of `LinkHandler`."""
        link = driver.link
        assert isinstance(link, ServerLink)
        served = self._served_by(driver)
        reason = str(error) if error is not None else "closed by the client proxy"
        if served is not None:
            if is_violation(error):
                served.end(ResetCode.PROTOCOL, reason)
            else:
                served.link_lost(driver, reason)
        else:
            self._handshake_ended(driver, link, error)
        self._gate.forget(driver)

    def _handshake_ended(self, driver: LinkDriver, link: ServerLink, error: ProtocolError | OSError | None) -> None:
        """A link is gone before it carried a session."""
        refusal = ""
        if link.refused is not None:
            result, refusal = HandshakeResult[link.refused.name], link.refused.name.lower()
        elif isinstance(error, HandshakeLimitedError):
            result, refusal = HandshakeResult.LIMITED, str(error)
        else:
            result = HandshakeResult.FAILED if link.tagged else HandshakeResult.ABANDONED
        self.counters.handshakes[result] += 1
        if refusal:
            log_event(_log, logging.WARNING, "link_refused", f"{driver.source} refused: {refusal}")

    def link_failed(self, driver: LinkDriver, error: ProtocolError) -> bool:
        """Before a valid tag: keep the socket, silent, instead of closing it."""
        link = driver.link
        assert isinstance(link, ServerLink)
        if link.tagged or link.refused is not None or isinstance(error, HandshakeLimitedError):
            return False
        self.counters.handshakes[HandshakeResult.NO_KEY] += 1
        self._gate.fail(driver, str(error))
        return True

    def _served_by(self, driver: LinkDriver) -> ServedSession | None:
        session = driver.link.session
        return self._served.get(session) if session is not None else None

    # --- sessions -------------------------------------------------------------------------------------------------------

    @property
    def target(self) -> str:
        """Where streams are connected to, for the log."""
        return ",".join(str(address) for address in self._settings.connect)

    @property
    def send_proxy(self) -> ProxyHeader:
        """Which PROXY protocol header a server gets."""
        return self._settings.send_proxy

    def refusal(self) -> str | None:
        """Why one more stream, which is counted already, is refused, if it is."""
        if len(self._pipes) > self._settings.max_connections:
            return "--max-connections reached"
        return "--max-memory reached" if self._buffers.crowded else None

    def service(self, name: str) -> Upstreams | None:
        """The servers of a service, if it is offered."""
        return self._services.find(name)

    def pipe_began(self, pipe: Pipe) -> None:
        """A stream was opened."""
        self._pipes.add(pipe)
        self.counters.opened += 1

    def pipe_ended(self, pipe: Pipe) -> None:
        """It has ended, and so has its connection."""
        self._pipes.discard(pipe)
        self._connections_ended.look()

    def session_ended(self, served: ServedSession) -> None:
        """The session is over and has given everything back."""
        self._host.forget(served.session)
        self._served.pop(served.session, None)
        self._sessions_ended.look()

    # --- what an operator sees ------------------------------------------------------------------------------------------

    def snapshot(self, most_connections: int = 0) -> ProxySnapshot:
        """Part of `Observable`."""
        sessions = list(self._served)
        peers = tuple(served.snapshot() for served in self._served.values())
        target = self.target
        shown = report.busiest(self._pipes, most_connections, Role.SERVER, lambda _: target, clock.now())
        linkless = sum(served.linkless for served in self._served.values())
        return report.report(
            self._settings,
            Role.SERVER,
            self.lifecycle.phase,
            self.addresses,
            (len(self._pipes), shown),
            peers,
            report.keys(self._host.keyring, self._key_last_used, peers),
            report.totals(self.counters, Role.SERVER, self._pipes, linkless),
            report.memory(self._buffers, sessions),
            self.counters,
        )

    def _key_last_used(self, name: str) -> float | None:
        unix_ms = self._host.key_last_used.get(name)
        return unix_ms / 1000 if unix_ms is not None else None
