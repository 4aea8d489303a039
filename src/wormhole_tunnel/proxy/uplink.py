"""A client proxy's session with one server proxy, and the links it runs on.

An uplink dials for as long as it lives: at once when a link is lost, then with growing pauses. A link that comes up
resumes the session if there is one, and founds a session if not. What becomes of the streams while no link is up is the
session's matter; what becomes of new clients is the client proxy's, and so is a stream that the server proxy never began.
A retired uplink takes no new streams, and ends when its last one has.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Protocol

from wormhole_tunnel.errors import ProtocolError
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.dial import Dialer, DialError
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.net.pipe import Pipe
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import PeerSnapshot, PeerState
from wormhole_tunnel.proxy import report
from wormhole_tunnel.proxy.approach import Approach
from wormhole_tunnel.proxy.expiry import Expiry
from wormhole_tunnel.proxy.farewell import Farewell
from wormhole_tunnel.proxy.links import UplinkSettings, explain, handshake_result, is_suspect, was_good
from wormhole_tunnel.proxy.pipes import is_violation, reset_all
from wormhole_tunnel.proxy.placement import Placement
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import HandshakeRefusedError, KeyGenerator

_log = get_logger("wormhole.link")


class UplinkOwner(Protocol):
    """Who keeps the uplinks of a client proxy."""

    def uplink_ready(self, uplink: Uplink) -> None:
        """The uplink can carry streams."""

    def uplink_down(self, uplink: Uplink) -> None:
        """Its session waits for a new link."""

    def uplink_leaving(self, uplink: Uplink) -> None:
        """It takes no more streams: another has to."""

    def uplink_ended(self, uplink: Uplink) -> None:
        """It was retired, and is over."""

    def place(self, pipe: Pipe) -> None:
        """Open a stream for the pipe; the one it had was never begun at the other end."""


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
        self._approach = Approach(address, dialer, self)
        self._placement = Placement(owner.place, lambda: owner.uplink_leaving(self))
        self._buffers = buffers
        self._generator = generator
        self._loop = asyncio.get_running_loop()
        self._driver: LinkDriver | None = None  # runs the session
        self._former: LinkDriver | None = None  # fenced, until the server proxy has moved the session too
        self._candidate: LinkDriver | None = None  # in its handshake
        self._expiry = Expiry(lambda: self._lose_session("no link for too long"))
        self._farewell: Farewell | None = None
        self._home_denied = False  # where the session was founded, another process answers now
        self._stalled = False  # the link does not answer, and a spare is dialled
        self._up_since = 0.0
        self._linkless_since = clock.now()
        self._resumptions = 0  # of the present session
        self._retired = False
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether a stream can be opened now."""
        up = self._driver is not None and not self._retired
        return up and self.session is not None and self.session.has_room

    @property
    def has_alternatives(self) -> bool:
        """Whether the server proxy's name has several addresses."""
        return self._approach.has_alternatives

    def avoided(self, now: float) -> bool:
        """Whether another uplink is the better choice: this one does not answer, or its server refuses."""
        suspect = self._driver is not None and is_suspect(self._driver.link, now)
        return self._stalled or self._placement.avoided(now) or suspect

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
        under_way = self._approach.under_way or self._candidate is not None
        return PeerState.CONNECTING if under_way else PeerState.WAITING

    # --- dialling -------------------------------------------------------------------------------------------------------

    def dial(self) -> None:
        """Dial now, unless that is under way."""
        if not self._closed and self._candidate is None:
            self._approach.dial()

    def hurry(self) -> None:
        """Dial now if there is no session, whatever pause was agreed upon."""
        if not self._closed and self.session is None and self._candidate is None:
            self._approach.hurry()

    def unreachable(self, error: DialError) -> None:
        """Part of `ApproachOwner`."""
        self._settings.counters.dial_failures[error.reason.value] += 1
        self._failed(f"can't reach the server proxy: {error}", "dial_failed")

    def connected(self, sock: socket.socket) -> None:
        """Part of `ApproachOwner`."""
        link = self._settings.new_link(self.session, self._buffers, self._generator)
        self._candidate = LinkDriver(self._loop, sock, link, self)
        self._candidate.tally = self._settings.counters.links
        self._settings.counters.links.begin(link)
        self._candidate.start()

    def _failed(self, message: str, event: str) -> None:
        """An attempt came to nothing: say so and try again later."""
        pause = self._approach.dial_later()
        self._say(logging.WARNING, event, f"{message}; trying again", pause=round(pause, 2))

    def _say(self, level: int, event: str, message: str, **fields: object) -> None:
        log_event(_log, level, event, message, error=None, server=str(self.address), **fields)

    # --- what the links report ------------------------------------------------------------------------------------------

    def link_event(self, driver: LinkDriver, event: events.Event) -> None:
        """Part of `LinkHandler`."""
        match event:
            case events.LinkUp(session, resumed):
                self._link_up(driver, session, resumed)
            case events.Fenced():
                self._set_aside_driver()
                self._wait_for_link()
            case events.LinkStalled():
                self._link_stalled()
            case events.LinkRevived():
                self._link_revived(driver)
            case events.LinkAged():
                self._say(logging.INFO, "link_aged", "it is time for fresh keys; dialling the link's successor")
                self._dial_successor()
            case events.SessionRefused():
                self._session_refused(driver, known=not event.another_instance)
            case events.GoingAway():
                self._going_away()
            case events.SessionClosed(code):
                driver.flush()
                self._lose_session(f"the server proxy closed the session ({code.name.lower()})")
                self.dial()
            case events.CloseAcknowledged():
                self._end("done")
            case _:
                self._placement.apply(event)

    def _link_stalled(self) -> None:
        self._stalled = True
        self._say(logging.INFO, "link_stalled", "no word from the server proxy; dialling a spare link")
        if self.session is not None:
            self._placement.take_back(self.session.withdraw_unsent())
        self._dial_successor()

    def _dial_successor(self) -> None:
        """While the link is up. Frames that are not kept can't follow the session to another link."""
        if self.session is not None and self.session.resume_timeout:
            self.dial()

    def _link_revived(self, driver: LinkDriver) -> None:
        """The spare is not needed, unless the link is to be replaced anyway."""
        self._stalled = False
        self._say(logging.INFO, "link_revived", "the server proxy answers again")
        if not driver.link.aged:
            self._approach.stop()
            self._drop_candidate()

    def _going_away(self) -> None:
        self._say(
            logging.INFO, "peer_draining", f"server proxy {self.address} is going away; new connections go elsewhere"
        )
        if self.session is not None:
            self._placement.take_back(self.session.withdraw_excluded())
        self._owner.uplink_leaving(self)

    def _session_refused(self, driver: LinkDriver, *, known: bool) -> None:
        """`known`: by the very process that founded the session. Another process decides nothing while there is hope."""
        driver.close()
        self._candidate = None
        self._home_denied = self._home_denied or known or self._approach.at_home
        if self._approach.in_vain() and not known:
            return
        if self._home_denied and self._driver is None:
            self._lose_session("the server proxy does not know the session any more (it was restarted?)")
            self.dial()
        else:
            self._failed("the session's own server proxy can't be reached, only another one", "resume_failed")

    def _link_up(self, driver: LinkDriver, session: Session, resumed: bool) -> None:
        self._candidate = None
        self._drop_driver()
        self._driver = driver
        self._stalled = self._home_denied = False
        self._approach.settled()
        self._expiry.cancel()
        self._count_link(session, resumed=resumed)
        if self.pump is None or self.session is not session:
            self.session = session
            self.pump = Pump(self._loop, session)
        self.pump.attach(driver)
        word, key = "resumed" if resumed else "up", session.identity.key_name
        self._say(logging.INFO, f"link_{word}", f"link to {self.address} {word} with key {key}", key=key)
        self._owner.uplink_ready(self)
        self.end_if_idle()

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
            self._settings.counters.handshakes[handshake_result(driver, error)] += 1
            if is_violation(error):
                self._lose_session(str(error))
            self._handshake_failed(driver, error)
            return
        session = self.session
        if session is None:
            return
        if self._farewell is not None:
            self._end("done")
            return
        self._drop_driver()
        session.detach(clock.now())
        reason = str(error) if error is not None else "closed by the server proxy"
        if is_violation(error) or not session.resume_timeout:
            self._lose_session(reason)
        else:
            self._say(logging.WARNING, "link_lost", f"link to {self.address} lost: {reason}; resuming")
            self._settings.counters.link_lost(str(self.address), clock.unix_ms() / 1000)
            self._wait_for_link()
            self._placement.take_back(session.withdraw_unsent())
            self._owner.uplink_down(self)
        self._approach.lost(good=was_good(driver, clock.now() - self._up_since))
        self.end_if_idle()

    def _handshake_failed(self, driver: LinkDriver, error: ProtocolError | OSError | None) -> None:
        if isinstance(error, HandshakeRefusedError) and self._is_foreign(error.answer.instance):
            self._session_refused(driver, known=False)
            return
        message = explain(driver, error)
        if self._approach.in_vain():
            message += "; trying the name's next address"
            self._say(logging.WARNING, "handshake_failed", message)
        else:
            self._failed(message, "handshake_failed")

    def _is_foreign(self, instance: bytes) -> bool:
        return self.session is not None and self.session.identity.instance != instance

    def _set_aside_driver(self) -> None:
        """Use the link no more. Its socket stays open: closed before RESUME arrives, it would look lost from afar."""
        if self.pump is not None:
            self.pump.detach()
        if self._driver is not None:
            self._driver.mute()
            self._former, self._driver = self._driver, None
            self._linkless_since = clock.now()

    def _drop_driver(self) -> None:
        self._set_aside_driver()
        if self._former is not None:
            self._former.close()
            self._former = None

    def _wait_for_link(self) -> None:
        if self.session is not None:
            self._expiry.start(self.session)

    def _drop_candidate(self) -> None:
        if self._candidate is not None:
            self._candidate.close()
            self._candidate = None

    # --- the session's end ----------------------------------------------------------------------------------------------

    def _lose_session(self, reason: str) -> None:
        """Reset what the session carried: it can't be known what arrived."""
        session = self.session
        if session is None:
            return
        self._drop_driver()
        self._expiry.cancel()
        self.session = self.pump = None
        self._approach.home, self._home_denied = None, False
        unsent = [] if self._closed else session.withdraw_unsent()
        streams = reset_all(session, ResetCode.SESSION_LOST)
        self._settings.counters.session_ended(str(self.address), clock.unix_ms() / 1000, 0.0, lost=streams > 0)
        session.end()
        level, word = (logging.WARNING, "lost") if streams else (logging.INFO, "ended")
        self._say(level, f"session_{word}", f"session with {self.address} {word}: {reason}", connections=streams)
        self._placement.take_back(unsent)
        self.end_if_idle()

    def retire(self) -> None:
        """Take no more streams, and end with the last one: `uplink_ended` follows, perhaps at once."""
        self._retired = True
        self.end_if_idle()

    def end_if_idle(self) -> None:
        """End a retired uplink that carries nothing, and tell the server proxy."""
        if not self._retired or self._closed or self._farewell is not None or self.load:
            return
        if self.session is None or self.pump is None or self._driver is None:
            self._end("no link")
        else:
            self._farewell = Farewell(self.session, self.pump, ResetCode.DRAINING, lambda: self._end("no answer"))

    def close(self) -> None:
        """Reset every stream, tell the server proxy, and end."""
        if self.session is not None:
            reset_all(self.session, ResetCode.RESET)
        self.retire()

    def abandon(self) -> None:
        """End without a word."""
        if self.session is not None:
            reset_all(self.session, ResetCode.RESET)
        self._end("no time")

    def _end(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        if self._farewell is not None:
            self._farewell.cancel()
        self._approach.close()
        self._drop_candidate()
        self._lose_session(reason)
        self._settings.counters.linkless_seconds += self.linkless
        self._owner.uplink_ended(self)
