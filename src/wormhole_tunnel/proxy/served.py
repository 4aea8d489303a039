"""A server proxy's end of one session: the link it runs on, and the connections its streams lead to."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final, Protocol

from wormhole_tunnel.net import clock
from wormhole_tunnel.net.dial import Dial, DialError, DialReason, Done
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.observe.counters import Counters
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import PeerSnapshot, PeerState
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.pipes import apply_stream_event, connection_id, log_end, log_start, reset_all
from wormhole_tunnel.session import events
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
    """The server proxy, as its sessions see it. It knows every pipe from its stream's opening to its end."""

    counters: Counters
    pipes: set[Pipe]

    @property
    def target(self) -> str:
        """Where streams are connected to, for the log."""

    def admit(self) -> ResetCode | None:
        """Why one more stream is refused, if it is."""

    def connect(self, done: Done) -> Dial:
        """Begin to connect the server."""

    def session_ended(self, served: ServedSession) -> None:
        """The session is over and has given everything back."""


class ServedSession:
    """See the module."""

    def __init__(self, owner: ServedOwner, session: Session) -> None:
        self.session = session
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._pump = Pump(self._loop, session)
        self._driver: LinkDriver | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._dials: dict[int, Dial] = {}
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
        if self._expiry is not None:
            self._expiry.cancel()
        for dial in self._dials.values():
            dial.cancel()
        self._dials.clear()
        connections = reset_all(self.session, code)
        self._pump.detach()
        lost = code is not ResetCode.RESET
        padding = self.session.outbound.padding_bytes
        self._owner.counters.session_ended(self.name, clock.unix_ms() / 1000, padding, lost=lost)
        self.session.end()
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        self._owner.session_ended(self)
        log_event(
            _log, logging.INFO, "session_ended", f"session ended: {reason}", session=self.name, connections=connections
        )

    def close(self) -> None:
        """Tell the client that the session is over, as far as the socket takes it at once, and end it."""
        if self._driver is not None:
            self.session.close(ResetCode.DRAINING)
            self._driver.flush()
        self.end(ResetCode.DRAINING, "stopped")

    # --- streams --------------------------------------------------------------------------------------------------------

    def link_event(self, event: events.Event) -> None:
        """An event of the link that the session runs on."""
        match event:
            case events.StreamOpened(stream):
                self._open(stream)
            case events.SessionClosed():
                self.end(ResetCode.RESET, "closed by the client")
            case events.StreamReset(stream):
                self._cancel_dial(stream)
                apply_stream_event(event)
            case _:
                apply_stream_event(event)

    def _open(self, stream: Stream) -> None:
        pipe = Pipe(self._loop, self, None)
        pipe.label = connection_id(self.session, stream.id)
        pipe.source = str(stream.source.host) if stream.source is not None else "client"
        pipe.attach(self._pump, stream)
        self._owner.pipes.add(pipe)
        self._owner.counters.opened += 1
        refusal = self._owner.admit()
        if refusal is not None:
            pipe.abort(refusal)
            return
        self._dials[stream.id] = self._owner.connect(lambda result: self._connected(pipe, stream, result))

    def _connected(self, pipe: Pipe, stream: Stream, result: socket.socket | DialError) -> None:
        self._dials.pop(stream.id, None)
        if isinstance(result, DialError):
            log_event(_conn_log, logging.WARNING, "connect_failed", f"can't connect: {result}", connection=pipe.label)
            pipe.abort(_RESET_CODES[result.reason])
            return
        log_start(pipe, self._owner.target)
        self.session.accept(stream)
        pipe.connected(result)
        self._pump.wake()

    def _cancel_dial(self, stream: Stream) -> None:
        dial = self._dials.pop(stream.id, None)
        if dial is not None:
            dial.cancel()

    def pipe_ended(self, pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
        """Part of `PipeOwner`."""
        if pipe.stream is not None:
            self._cancel_dial(pipe.stream)
        self._owner.pipes.discard(pipe)
        self._owner.counters.connection_ended(report.outcome_of(end, code), pipe.sent, pipe.received)
        log_end(pipe, end, code)

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
