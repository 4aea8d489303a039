"""A client proxy's session with one server proxy, and the links it runs on.

An uplink dials for as long as it lives: at once when a link is lost, then with growing pauses. A link that comes up
resumes the session if there is one, and founds a session if not. What becomes of the streams while no link is up is the
session's matter; what becomes of new clients is the client proxy's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from dataclasses import dataclass, field
from typing import Protocol

from wormhole_tunnel import limits
from wormhole_tunnel.errors import LinkTimeoutError, ProtocolError
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.dial import Dial, Dialer, DialError
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.net.socket_options import set_link_options
from wormhole_tunnel.observe.counters import Counters, HandshakeResult
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import PeerSnapshot, PeerState
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.backoff import Backoff
from wormhole_tunnel.proxy.pipes import apply_stream_event, is_violation, reset_all
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.session import Session, SessionSettings
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.handshake import (
    ANY_INSTANCE,
    ClientOffer,
    FramingSpec,
    HandshakeRefusedError,
    KeyGenerator,
)

_log = get_logger("wormhole.link")
_DIAL_TIMEOUT = 10.0  # seconds


class UplinkOwner(Protocol):
    """The client proxy, as its uplinks see it."""

    def uplink_ready(self, uplink: Uplink) -> None:
        """The uplink can carry streams."""


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """What every uplink of a client proxy has in common. `offer` is made anew with the time of each handshake."""

    key: Key
    ciphers: int
    framing: tuple[FramingSpec, FramingSpec]
    flush_delay: float
    session: SessionSettings
    counters: Counters = field(default_factory=Counters)


class Uplink:
    """One server proxy's address, and the session with it."""

    def __init__(
        self,
        owner: UplinkOwner,
        address: Address,
        settings: UplinkSettings,
        dialer: Dialer,
        buffers: Buffers,
        generator: KeyGenerator,
    ) -> None:
        self.address = address
        self.session: Session | None = None
        self.pump: Pump | None = None
        self._owner = owner
        self._settings = settings
        self._dialer = dialer
        self._buffers = buffers
        self._generator = generator
        self._loop = asyncio.get_running_loop()
        self._driver: LinkDriver | None = None  # runs the session
        self._candidate: LinkDriver | None = None  # in its handshake
        self._dial: Dial | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._backoff = Backoff(random.SystemRandom())
        self._up_since = 0.0
        self._linkless_since = clock.now()
        self._resumptions = 0  # of the present session
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether a stream can be opened now."""
        return self._driver is not None and self.session is not None and self.session.has_room

    @property
    def load(self) -> int:
        """How many streams are open."""
        return len(self.session.streams) if self.session is not None else 0

    @property
    def linkless(self) -> float:
        """For how many seconds there has been no link; 0 while there is one."""
        return clock.now() - self._linkless_since if self._driver is None else 0.0

    def snapshot(self) -> PeerSnapshot:
        """How it stands with this server proxy."""
        link = self._driver.link if self._driver is not None else None
        since = clock.now() - (self._linkless_since if link is None else self._up_since)
        address = str(self.address)
        return report.peer(address, address, self._state(), since, self.session, link, self._resumptions)

    def _state(self) -> PeerState:
        if self._driver is not None:
            return PeerState.UP
        if self.session is not None:
            return PeerState.RESUMING
        under_way = self._dial is not None or self._candidate is not None
        return PeerState.CONNECTING if under_way else PeerState.WAITING

    # --- dialling -------------------------------------------------------------------------------------------------------

    def dial(self) -> None:
        """Dial now, unless that is under way."""
        if self._closed or self._dial is not None or self._candidate is not None:
            return
        self._cancel_retry()
        self._dial = self._dialer.dial_soon(self.address, _DIAL_TIMEOUT, self._dialed)

    def _dialed(self, result: socket.socket | DialError) -> None:
        self._dial = None
        if isinstance(result, DialError):
            self._settings.counters.dial_failures[result.reason.value] += 1
            self._failed(f"can't reach the server proxy: {result}", "dial_failed")
            return
        set_link_options(result)
        link = self._new_link()
        self._candidate = LinkDriver(self._loop, result, link, self)
        self._candidate.tally = self._settings.counters.links
        self._settings.counters.links.begin(link)
        self._candidate.start()

    def _new_link(self) -> ClientLink:
        settings = self._settings
        to_server, to_client = settings.framing
        instance = self.session.identity.instance if self.session is not None else ANY_INSTANCE
        offer = ClientOffer(clock.unix_ms(), settings.ciphers, to_server, to_client, instance)
        framing = Framing.of(to_server, settings.flush_delay), Framing.of(to_client, settings.flush_delay)
        return ClientLink(
            settings.key,
            offer,
            framing,
            settings.session,
            self._buffers,
            self._generator,
            clock.now(),
            self.session,
        )

    def _failed(self, message: str, event: str) -> None:
        """An attempt came to nothing: say so and try again later."""
        pause = self._backoff.pause()
        log_event(
            _log, logging.WARNING, event, f"{message}; trying again", server=str(self.address), pause=round(pause, 2)
        )
        self._retry_after(pause)

    def _retry_after(self, pause: float) -> None:
        if not self._closed and self._retry is None:
            self._retry = self._loop.call_later(pause, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        self.dial()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    # --- what the links report ------------------------------------------------------------------------------------------

    def link_event(self, driver: LinkDriver, event: events.Event) -> None:
        """Part of `LinkHandler`."""
        match event:
            case events.LinkUp(session, resumed):
                self._link_up(driver, session, resumed)
            case events.Fenced():
                self._drop_driver()
            case events.LinkStalled():
                log_event(
                    _log,
                    logging.INFO,
                    "link_stalled",
                    "no word from the server proxy; dialling a spare link",
                    server=str(self.address),
                )
                self.dial()
            case events.SessionRefused():
                driver.close()
                self._candidate = None
                self._lose_session("the server proxy does not know the session any more (it was restarted?)")
                self.dial()
            case events.SessionClosed(code):
                self._lose_session(f"the server proxy closed the session ({code.name.lower()})")
                self.dial()
            case _:
                apply_stream_event(event)

    def _link_up(self, driver: LinkDriver, session: Session, resumed: bool) -> None:
        self._candidate = None
        self._driver = driver
        self._cancel_expiry()
        self._count_link(session, resumed=resumed)
        if self.pump is None or self.session is not session:
            self.session = session
            self.pump = Pump(self._loop, session)
        self.pump.attach(driver)
        word = "resumed" if resumed else "up"
        log_event(_log, logging.INFO, f"link_{word}", f"link to {self.address} {word}", server=str(self.address))
        self._owner.uplink_ready(self)

    def _count_link(self, session: Session, *, resumed: bool) -> None:
        now, unix_time = clock.now(), clock.unix_ms() / 1000
        counters = self._settings.counters
        counters.link_up(str(self.address), unix_time, now - self._linkless_since, resumed=resumed)
        counters.key_last_used[session.identity.key_name] = unix_time
        self._resumptions = self._resumptions + 1 if resumed else 0
        self._up_since = now

    def link_failed(self, _driver: LinkDriver, _error: ProtocolError, /) -> bool:
        """Part of `LinkHandler`: a client proxy has no reason to hide a failure."""
        return False

    def link_closed(self, driver: LinkDriver, error: ProtocolError | OSError | None) -> None:
        """Part of `LinkHandler`."""
        if driver is self._candidate:
            self._candidate = None
            self._settings.counters.handshakes[_result(driver, error)] += 1
            self._failed(_explain(driver, error), "handshake_failed")
            return
        session = self.session
        if session is None:
            return
        self._drop_driver()
        session.detach(clock.now())
        reason = str(error) if error is not None else "closed by the server proxy"
        if is_violation(error) or not session.resume_timeout:
            self._lose_session(reason)
        else:
            log_event(
                _log,
                logging.WARNING,
                "link_lost",
                f"link to {self.address} lost: {reason}; resuming",
                server=str(self.address),
            )
            self._settings.counters.link_lost(str(self.address), clock.unix_ms() / 1000)
            self._expire_session_later(session)
        if _was_good(driver, clock.now() - self._up_since):
            self._backoff.restart()
        self._retry_after(self._backoff.pause())

    def _drop_driver(self) -> None:
        if self.pump is not None:
            self.pump.detach()
        if self._driver is not None:
            self._driver.close()
            self._driver = None
            self._linkless_since = clock.now()

    # --- the session's end ----------------------------------------------------------------------------------------------

    def _expire_session_later(self, session: Session) -> None:
        expires_at = session.expires_at()
        if expires_at is not None:
            self._cancel_expiry()
            self._expiry = self._loop.call_later(max(0.0, expires_at - clock.now()), self._expire)

    def _expire(self) -> None:
        self._lose_session("no link for too long")

    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _lose_session(self, reason: str) -> None:
        """Reset what the session carried: it can't be known what arrived."""
        session = self.session
        if session is None:
            return
        self._drop_driver()
        self._cancel_expiry()
        self.session = self.pump = None
        streams = reset_all(session, ResetCode.SESSION_LOST)
        self._settings.counters.session_ended(
            str(self.address), clock.unix_ms() / 1000, session.outbound.padding_bytes, lost=not self._closed
        )
        session.end()
        log_event(
            _log,
            logging.WARNING,
            "session_lost",
            f"session with {self.address} lost: {reason}",
            server=str(self.address),
            connections=streams,
        )

    def close(self) -> None:
        """Reset every stream, tell the server, and stop."""
        self._closed = True
        self._cancel_retry()
        if self._dial is not None:
            self._dial.cancel()
        if self._candidate is not None:
            self._candidate.close()
        if self.session is not None and self._driver is not None:
            for stream in list(self.session.streams.values()):
                self.session.reset(stream, ResetCode.RESET)
            self.session.close(ResetCode.RESET)
            self._driver.flush()
        self._lose_session("stopped")


def _was_good(driver: LinkDriver, lived: float) -> bool:
    """Whether a lost link had lived long enough, or carried enough, that its successor may be dialled at once."""
    carried = driver.link.bytes_sent + driver.link.bytes_received
    return lived >= limits.REDIAL_RESET_AFTER or carried >= limits.REDIAL_RESET_BYTES


def _result(driver: LinkDriver, error: ProtocolError | OSError | None) -> HandshakeResult:
    """What a handshake that came to nothing is counted as."""
    if isinstance(error, HandshakeRefusedError):
        return HandshakeResult[error.answer.status.name]
    silent = error is None or isinstance(error, (LinkTimeoutError, OSError))
    return HandshakeResult.NO_ANSWER if driver.link.established is None and silent else HandshakeResult.FAILED


def _explain(driver: LinkDriver, error: ProtocolError | OSError | None) -> str:
    """What a handshake that failed can mean, for a log line."""
    if isinstance(error, HandshakeRefusedError):
        return str(error)
    if _result(driver, error) is HandshakeResult.NO_ANSWER:
        return "no answer to the handshake: another key, another protocol version, or not a wormhole server proxy"
    return f"the handshake failed: {error or 'the server proxy closed the link'}"
