"""Drives one link over one socket: readiness in, `recv_into` and `send` out, deadlines on a timer.

The socket is non-blocking and watched by the event loop directly. A link that has just sent a large record counts as busy
until the kernel says that little is left unsent (TCP_NOTSENT_LOWAT): the queue then stays here, where a keystroke can
still overtake a bulk transfer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Protocol

from wormhole_tunnel.errors import ProtocolError
from wormhole_tunnel.net.addresses import SourceAddress
from wormhole_tunnel.net.clock import now as read_clock
from wormhole_tunnel.net.pipe import Pipe
from wormhole_tunnel.net.socket_options import limit_unsent, reset_on_close
from wormhole_tunnel.observe.counters import LinkTally
from wormhole_tunnel.observe.logs import TRACE, get_logger, log_event
from wormhole_tunnel.session.events import DataReceived, Event
from wormhole_tunnel.session.link import Link, LinkState

_log = get_logger("wormhole.records")
_LARGE_RECORD: Final = 64 * 1024
# What one turn of the loop may spend on a link's events, so that no peer can keep it from the others. Data costs 1; any
# other event may be an OPEN, a socket and a connection: 128 of them take about 20 ms.
_TURN: Final = 1024
_EVENT_COST: Final = 8
_TIMER_SLACK: Final = 0.001  # seconds; a deadline this close to the armed timer needs none of its own


class LinkHandler(Protocol):
    """Who owns the drivers: decides what events and ends mean."""

    def link_event(self, driver: LinkDriver, event: Event) -> None:
        """Any event but data."""

    def link_failed(self, driver: LinkDriver, error: ProtocolError, /) -> bool:
        """The peer broke the protocol; True when the handler has taken the socket over and no `link_closed` is due."""

    def link_closed(self, driver: LinkDriver, error: ProtocolError | OSError | None) -> None:
        """The link is gone, by an error or by the peer's EOF (None). Called once; not after `close`."""


class LinkDriver:
    """One link and its socket. `refill` is called when the link can take more; the session's pump sets it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, link: Link, handler: LinkHandler) -> None:
        self.link = link
        self.socket = sock
        self.busy = False  # nothing more can be sent until the socket is writable
        self.closed = False
        self.source = SourceAddress()
        self.tally: LinkTally | None = None  # counts the link until it is released
        self.refill: Callable[[], None] | None = None
        self.released: Callable[[], None] | None = None  # called once, when the link is given up or its socket away
        self._loop = loop
        self._handler = handler
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._kernel_queue = 0  # bytes that may lie unsent in the socket before it stops counting as writable
        self._writing = False
        self._resting = False  # events are left for the next turn, and nothing is read meanwhile
        if _log.isEnabledFor(TRACE):
            link.trace = self

    def start(self) -> None:
        """Watch the socket and send what is due, which may fail at once: the handler must know the driver by now."""
        if not self.closed:
            self._loop.add_reader(self.socket, self._on_readable)
            self.flush()

    def record_sealed(self, number: int, plain: int, padded: int, wire: int, /) -> None:
        """Part of `RecordTrace`."""
        self._log_record("sealed", number, plain, padded, wire)

    def record_opened(self, number: int, plain: int, padded: int, wire: int, /) -> None:
        """Part of `RecordTrace`."""
        self._log_record("opened", number, plain, padded, wire)

    def _log_record(self, direction: str, number: int, plain: int, padded: int, wire: int) -> None:
        log_event(
            _log,
            TRACE,
            f"record_{direction}",
            f"record {number} {direction}: {plain} bytes, padded to {padded}, {wire} on the wire",
            peer=str(self.source),
            number=number,
            plain_bytes=plain,
            padded_bytes=padded,
            wire_bytes=wire,
        )

    # --- receiving ------------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        link = self.link
        try:
            length = self.socket.recv_into(link.receive_space())
            now = read_clock()
            if length == 0:
                link.receive_eof(now)
                self._end(None)
                return
            link.received(length, now)
            self._dispatch()
        except BlockingIOError:
            return
        except (ProtocolError, OSError) as error:
            self._end(error)
            return
        self._send_what_is_due()

    def _dispatch(self) -> None:
        """Hand every event to its owner, as far as the turn allows. Raises ProtocolError."""
        next_event = self.link.next_event
        left = _TURN
        while left > 0 and (event := next_event()) is not None:
            if isinstance(event, DataReceived):
                left -= 1
                owner = event.stream.owner
                if isinstance(owner, Pipe):
                    owner.deliver(event.data)
            else:
                left -= _EVENT_COST
                self._handler.link_event(self, event)
        if (left <= 0) is not self._resting and not self.closed:
            self._rest(left <= 0)

    def _rest(self, resting: bool) -> None:
        self._resting = resting
        if resting:
            self._loop.remove_reader(self.socket)
            self._loop.call_soon(self._go_on)
        else:
            self._loop.add_reader(self.socket, self._on_readable)

    def _go_on(self) -> None:
        """Another turn for the events that were left."""
        if not self._resting or self.closed:
            return
        try:
            self._dispatch()
        except ProtocolError as error:
            self._end(error)
            return
        self._send_what_is_due()
        if self._resting:
            self._loop.call_soon(self._go_on)

    # --- sending --------------------------------------------------------------------------------------------------------

    def _send_what_is_due(self) -> None:
        if self.closed:
            return
        if self.refill is not None:
            self.refill()
        else:
            self.flush()

    def flush(self) -> None:
        """Send what the link has, until it has nothing, the socket is full, or a large record is on its way."""
        if self.busy or self.closed:
            return
        try:
            self._send_records()
        except OSError as error:
            self._end(error)
            return
        now = self.link.now
        if self._timer is None or self._timer_at > now + self.link.shortest_delay:
            self._arm_timer()

    def _send_records(self) -> None:
        link = self.link
        now = read_clock()
        while (data := link.data_to_send(now)) is not None:
            size = len(data)
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            link.data_sent(sent)
            if sent < size or size >= _LARGE_RECORD:
                self._wait_until_writable()
                return
        if link.finished:
            self.close()
            self._handler.link_closed(self, None)

    def _wait_until_writable(self) -> None:
        self.busy = True
        if self._kernel_queue != self.link.pacer.size // 2:
            self._kernel_queue = self.link.pacer.size // 2
            limit_unsent(self.socket, self._kernel_queue)
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self.socket, self._on_writable)

    def _on_writable(self) -> None:
        self.busy = False
        self.link.liveness.drained_at = read_clock()
        self._send_what_is_due()
        if not self.busy and not self.closed:
            self._writing = False
            self._loop.remove_writer(self.socket)

    # --- time -----------------------------------------------------------------------------------------------------------

    def _arm_timer(self) -> None:
        """Keep one timer, not later than the next deadline; an early one costs a look, a new one each time costs more."""
        deadline = self.link.next_deadline()
        if deadline is None or (self._timer is not None and self._timer_at <= deadline + _TIMER_SLACK):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - read_clock()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self.link.handle_deadline(read_clock())
            self._dispatch()
        except ProtocolError as error:
            self._end(error)
            return
        self._send_what_is_due()
        self._arm_timer()

    # --- ends -----------------------------------------------------------------------------------------------------------

    def _end(self, error: ProtocolError | OSError | None) -> None:
        if self.closed:
            return
        if not isinstance(error, ProtocolError) or not self._handler.link_failed(self, error):
            self.close(reset=self.link.state is LinkState.HANDSHAKE)
            self._handler.link_closed(self, error)

    def release(self) -> socket.socket:
        """Stop watching and give the socket away, still open."""
        self.closed = True
        if self.tally is not None:
            self.tally.end(self.link)
        if self.released is not None:
            self.released()
        self._silence()
        return self.socket

    def mute(self) -> None:
        """Neither read nor send any more. The socket stays open until `close`."""
        if not self.closed:
            self._silence()

    def _silence(self) -> None:
        self._resting = False
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.socket)
        if self._writing:
            self._loop.remove_writer(self.socket)
        self.link.close()

    def close(self, reset: bool = False) -> None:
        """Close the socket, by a reset if wanted. Idempotent; no handler is called."""
        if self.closed:
            return
        sock = self.release()
        if reset:
            reset_on_close(sock)
        sock.close()
