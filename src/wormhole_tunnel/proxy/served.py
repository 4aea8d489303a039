"""A server proxy's end of one session: the link it runs on, and the connections its streams lead to."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final, Protocol

from wormhole_tunnel.config.options import ProxyHeader
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import SourceAddress, source_address
from wormhole_tunnel.net.dial import DialError, DialReason
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.net.proxy_protocol import pack_v1, pack_v2
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.observe.counters import Counters
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import PeerSnapshot, PeerState
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.farewell import Farewell
from wormhole_tunnel.proxy.pipes import apply_stream_event, connection_id, log_end, log_start, reset_all
from wormhole_tunnel.proxy.upstreams import Connecting, Upstreams
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode

_log = get_logger("wormhole.session")
_conn_log = get_logger("wormhole.conn")

_RESET_CODES: Final = {
    DialReason.REFUSED: ResetCode.REFUSED,
    DialReason.UNREACHABLE: ResetCode.UNREACHABLE,
    DialReason.TIMEOUT: ResetCode.TIMEOUT,
    DialReason.NAME: ResetCode.NAME,
    DialReason.DENIED: ResetCode.DENIED,
    DialReason.LIMIT: ResetCode.LIMIT,
}


class ServedOwner(Protocol):
    """The server proxy, as its sessions see it."""

    counters: Counters

    def pipe_began(self, pipe: Pipe) -> None:
        """A stream was opened."""

    def pipe_ended(self, pipe: Pipe) -> None:
        """It has ended, and so has its connection."""

    @property
    def send_proxy(self) -> ProxyHeader:
        """Which header a server gets."""

    def refusal(self) -> str | None:
        """Why one more stream is refused, if it is."""

    def service(self, name: str) -> Upstreams | None:
        """The servers of a service, if it is offered."""

    def session_ended(self, served: ServedSession) -> None:
        """The session is over and has given everything back."""


class ServedSession:
    """See the module."""

    def __init__(self, owner: ServedOwner, session: Session, buffers: Buffers) -> None:
        self.session = session
        self._buffers = buffers
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._pump = Pump(self._loop, session)
        self._driver: LinkDriver | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._connections: dict[int, Connecting] = {}  # by stream id
        self._draining = False
        self._farewell: Farewell | None = None
        self._ended = False
        self.name = report.session_name(session)
        self.address = ""  # where the client proxy dialled from last
        self._attached_at = 0.0
        self._resumptions = -1

    # --- links ----------------------------------------------------------------------------------------------------------

    def attach(self, driver: LinkDriver) -> None:
        """The session runs on this link from now on; the one before was fenced."""
        if self._driver is not None:
            self._driver.close()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._driver = driver
        self.address = str(driver.source)
        self._attached_at = clock.now()
        self._resumptions += 1
        self._pump.attach(driver)

    def link_lost(self, driver: LinkDriver, reason: str) -> None:
        """The link is gone: wait for the client's next, unless this was not the session's own any more."""
        if driver is not self._driver:
            return
        self._pump.detach()
        self._driver = None
        if self._farewell is not None:
            self.end(ResetCode.DRAINING, reason)
            return
        now = clock.now()
        self.session.detach(now)
        expires_at = self.session.expires_at()
        if not self.session.resume_timeout or expires_at is None:
            self.end(ResetCode.SESSION_LOST, reason)
            return
        self._owner.counters.link_lost(self.name, clock.unix_ms() / 1000)
        log_event(_log, logging.INFO, "link_lost", f"link lost: {reason}; waiting for the client", session=self.name)
        self._expiry = self._loop.call_later(max(0.0, expires_at - now), self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self.end(ResetCode.SESSION_LOST, "the client did not come back in time")

    def end(self, code: ResetCode, reason: str) -> None:
        """Reset every connection and forget the session."""
        if self._ended:
            return
        self._ended = True
        if self._expiry is not None:
            self._expiry.cancel()
        if self._farewell is not None:
            self._farewell.cancel()
        connections = reset_all(self.session, code)
        self._pump.detach()
        lost = code not in (ResetCode.RESET, ResetCode.DRAINING)
        self._owner.counters.session_ended(self.name, clock.unix_ms() / 1000, self.linkless, lost=lost)
        self.session.end()
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        self._owner.session_ended(self)
        log_event(
            _log, logging.INFO, "session_ended", f"session ended: {reason}", session=self.name, connections=connections
        )

    def drain(self) -> None:
        """Take no more streams, and end with the last one."""
        if not self._draining:
            self._draining = True
            self.session.go_away()
            self._pump.wake()
            self._end_if_idle()

    def _end_if_idle(self) -> None:
        """End a draining session that has no streams, and tell the client."""
        if not self._draining or self._ended or self._farewell is not None or self.session.streams:
            return
        if self._driver is None:
            self.end(ResetCode.DRAINING, "stopped")
        else:
            self._farewell = Farewell(self.session, self._pump, ResetCode.DRAINING, self._client_is_silent)

    def _client_is_silent(self) -> None:
        self.end(ResetCode.DRAINING, "stopped, and the client does not answer")

    def revoke(self) -> None:
        """The client's key is not valid any more: end at once, and say so if the socket takes it."""
        if self._driver is not None:
            self.session.close(ResetCode.DENIED)
            self._driver.flush()
        self.end(ResetCode.DENIED, f"key {self.session.identity.key_name} was removed")

    def close(self) -> None:
        """Reset every connection, tell the client, and end."""
        reset_all(self.session, ResetCode.DRAINING)
        self._draining = True
        self._end_if_idle()

    # --- streams --------------------------------------------------------------------------------------------------------

    def link_event(self, event: events.Event) -> None:
        """An event of the link that the session runs on."""
        match event:
            case events.StreamOpened(stream):
                self._open(stream)
            case events.SessionClosed():
                if self._driver is not None:
                    self._driver.flush()
                self.end(ResetCode.RESET, "closed by the client")
            case events.CloseAcknowledged():
                self.end(ResetCode.DRAINING, "stopped")
            case _:
                apply_stream_event(event)

    def _open(self, stream: Stream) -> None:
        pipe = Pipe(self._loop, self, None, self._buffers)
        pipe.label = connection_id(self.session, stream.id)
        pipe.source = str(stream.source.host) if stream.source is not None else "client"
        pipe.attach(self._pump, stream)
        self._owner.pipe_began(pipe)
        if self._draining:
            pipe.abort(ResetCode.DRAINING)
            return
        refusal = self._owner.refusal()
        if refusal is not None:
            message = f"a connection of {pipe.source} refused: {refusal}"
            log_event(_conn_log, logging.WARNING, "client_refused", message, connection=pipe.label, reason=refusal)
            pipe.abort(ResetCode.LIMIT)
            return
        servers = self._owner.service(stream.service)
        if servers is None:
            name = repr(stream.service) if stream.service else "no service by name"
            message = f"{pipe.source} wants {name}, which is not offered"
            log_event(_conn_log, logging.WARNING, "service_denied", message, connection=pipe.label)
            pipe.abort(ResetCode.DENIED)
            return
        self._connections[stream.id] = servers.connect(lambda result: self._connected(pipe, stream, result))

    def _connected(self, pipe: Pipe, stream: Stream, result: socket.socket | DialError) -> None:
        if isinstance(result, DialError):
            log_event(_conn_log, logging.WARNING, "connect_failed", f"can't connect: {result}", connection=pipe.label)
            pipe.abort(_RESET_CODES[result.reason])
            return
        if not self._introduce(stream, result):
            result.close()
            pipe.abort(ResetCode.RESET)
            return
        log_start(pipe, str(self._connections[stream.id].address))
        self.session.accept(stream)
        pipe.connected(result)
        self._pump.wake()

    def _introduce(self, stream: Stream, sock: socket.socket) -> bool:
        """Tell the server whose connection it is, ahead of all else, if that is wanted; whether it worked."""
        version = self._owner.send_proxy
        if version is ProxyHeader.NONE:
            return True
        source = stream.source
        client = SourceAddress(source.host, source.port) if source is not None else None
        pack = pack_v1 if version is ProxyHeader.V1 else pack_v2
        try:
            header = pack(client, source_address(sock.getpeername()))
            return sock.send(header) == len(header)  # a new connection has room for it
        except OSError:
            return False

    def pipe_ended(self, pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
        """Part of `PipeOwner`."""
        connection = self._connections.pop(pipe.stream.id, None) if pipe.stream is not None else None
        if connection is not None:
            connection.release()
        self._owner.counters.connection_ended(report.outcome_of(end, code), pipe.sent, pipe.received)
        log_end(pipe, end, code)
        self._owner.pipe_ended(pipe)
        self._end_if_idle()

    # --- what an operator sees ------------------------------------------------------------------------------------------

    @property
    def linkless(self) -> float:
        """For how many seconds there has been no link; 0 while there is one."""
        return clock.now() - self.session.down_since if self._driver is None else 0.0

    def snapshot(self) -> PeerSnapshot:
        """How it stands with this client proxy."""
        link = self._driver.link if self._driver is not None else None
        state = PeerState.RESUMING if link is None else PeerState.UP
        since = self.linkless if link is None else clock.now() - self._attached_at
        return report.peer(self.name, self.address, state, since, self.session, link, self._resumptions)
