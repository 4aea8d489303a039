"""A pipe: one local socket and the stream it is carried by. Each direction has its own flow and its own end.

Towards the link: the socket is read straight into the record being composed, when the pump says so. Until the stream is
open, what a client sends is read into a small buffer of its own instead, so that the stream can still move to another
session, and a client that gives up is noticed.

Towards the socket: what it does not take at once is queued (socket_writer.py). FIN becomes `shutdown` after exactly the
bytes before it were written; RST becomes a reset, and neither is ever mistaken for the other.
"""

from __future__ import annotations

import asyncio
import socket
from enum import Enum
from typing import Final, Protocol

from wormhole_tunnel.limits import EARLY_DATA
from wormhole_tunnel.net.clock import now as read_clock
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.net.socket_writer import SocketWriter
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode, SourceAddress

_MORE_LIKELY: Final = 16 * 1024  # a read of this many bytes is worth another try before the socket is watched again


class PipeEnd(Enum):
    """Who ended a connection, and how."""

    CLEAN = "both sides finished"
    LOCAL_RESET = "reset here"
    PEER_RESET = "reset by the other side"


class PipeOwner(Protocol):
    """Keeps the pipes and logs their ends."""

    def pipe_ended(self, pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
        """The pipe's socket is closed. Called once."""


class Pipe:
    """See the module. `sock` is None while a server proxy still connects it."""

    __slots__ = (
        "_buffers",
        "_bulk",
        "_early",
        "_early_sent",
        "_loop",
        "_owner",
        "_read_ended",
        "_watching",
        "_writer",
        "address",
        "closed",
        "label",
        "pump",
        "received",
        "sent",
        "socket",
        "source",
        "started_at",
        "stream",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, owner: PipeOwner, sock: socket.socket | None, buffers: Buffers
    ) -> None:
        self._buffers = buffers
        self._loop = loop
        self._owner = owner
        self.socket = sock
        self.stream: Stream | None = None
        self.pump: Pump | None = None
        self.label = ""
        self.source = ""
        self.address: SourceAddress | None = None  # the client's, for OPEN
        self.started_at = read_clock()
        self.sent = 0  # bytes from the local socket
        self.received = 0  # bytes for the local socket
        self.closed = False
        self._early: bytearray | None = None  # what a client sent before its stream was open
        self._early_sent = 0
        self._writer = SocketWriter(loop, self, sock, buffers)
        self._bulk = False  # what it read last was much
        self._read_ended = False
        self._watching = False

    # --- beginnings -----------------------------------------------------------------------------------------------------

    def wait(self, first: bytes = b"") -> None:
        """Client side: read early data until the stream is open. `first` is what was read before.

        What a client says at once is there by now, as a rule; it then leaves together with OPEN.
        """
        self._early = bytearray(first)
        self._buffers.waiting += len(first)
        self.sent += len(first)
        self._watch()
        self._read_early(self._early)

    def attach(self, pump: Pump, stream: Stream) -> None:
        """Be carried by this stream from now on."""
        self.pump = pump
        self.stream = stream
        stream.owner = self
        early = self._early
        if early is not None and (early or self._read_ended):
            self._send_early_or_queue(early, pump)

    def detach(self) -> None:
        """Forget the stream, which was never opened; early data is kept for the next."""
        assert self._early is not None
        if self.pump is not None:
            self.pump.dequeue(self)
        self.pump = self.stream = None
        self._early_sent = 0
        if not self._read_ended:
            self._watch()

    def opened(self) -> None:
        """Client side: the other end of the stream is connected. No early data is kept once it has been sent."""
        assert self._early is not None
        if self._early_sent == len(self._early):
            self._end_early()

    def connected(self, sock: socket.socket) -> None:
        """Server side: the upstream connection stands."""
        self.socket = sock
        self._watch()
        self._writer.connected(sock)

    def _end_early(self) -> None:
        self._drop_early()
        if not self._read_ended:
            self._watch()

    def _drop_early(self) -> None:
        self._buffers.waiting -= len(self._early or b"")
        self._early = None

    # --- from the socket to the stream ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        if not self._watching and self.socket is not None:
            self._watching = True
            self._loop.add_reader(self.socket, self._on_readable)

    def _unwatch(self) -> None:
        if self._watching and self.socket is not None:
            self._watching = False
            self._loop.remove_reader(self.socket)

    def _on_readable(self) -> None:
        if self._early is not None:
            self._read_early(self._early)
            return
        pump = self.pump
        assert pump is not None
        driver = pump.driver
        if driver is None or driver.busy or (self._bulk and pump.bulk_waits(driver)):
            self._unwatch()
            pump.enqueue(self, newcomer=not self._bulk)
        elif self.take_turn(pump.share) is None:
            self._unwatch()
            pump.enqueue(self, newcomer=False)
        else:
            pump.committed()

    def take_turn(self, most: int) -> bool | None:
        """Read up to `most` bytes into the record. True: there may be more; False: not for now; None: there is no room."""
        stream, pump = self.stream, self.pump
        if self.closed or stream is None or pump is None or self.socket is None:
            return False
        if self._early is not None:
            return self._take_early_turn(self._early)
        space = pump.session.reserve(stream, most)
        if space is None:
            self._unwatch()
            return False if stream.blocked else None
        return self._receive_into(space, self.socket, pump.session, stream)

    def _receive_into(self, space: memoryview, sock: socket.socket, session: Session, stream: Stream) -> bool:
        """Receive into the record; tells whether there may be more."""
        try:
            length = sock.recv_into(space)
        except BlockingIOError:
            self._watch()
            return False
        except OSError:
            self.abort(ResetCode.RESET)
            return False
        if length == 0:
            self._end_reading()
            return False
        session.commit(stream, length)
        self.sent += length
        was_bulk, self._bulk = self._bulk, length >= _MORE_LIKELY or length == len(space)
        if self._bulk:
            return True
        if self.pump is not None and not was_bulk:  # the end of a large piece is no question
            self.pump.read_little()
        self._watch()
        return False

    def _read_early(self, early: bytearray) -> None:
        if len(early) >= EARLY_DATA or self.socket is None:
            self._unwatch()
            return
        try:
            data = self.socket.recv(EARLY_DATA - len(early))
        except BlockingIOError:
            return
        except OSError:
            self.abort(ResetCode.RESET)
            return
        early += data
        self._buffers.waiting += len(data)
        self.sent += len(data)
        if not data:
            self._read_ended = True
            self._unwatch()
        if self.pump is not None and self._send_early_or_queue(early, self.pump):
            self.pump.committed()

    def _send_early_or_queue(self, early: bytearray, pump: Pump) -> bool:
        """Tells whether the record had room; if not, the pipe waits for a turn."""
        if self._send_early(early) is not None:
            return True
        self._unwatch()
        pump.enqueue(self, newcomer=True)
        return False

    def _take_early_turn(self, early: bytearray) -> bool | None:
        outcome = self._send_early(early)
        if outcome is not None and self._early is not None and not self._read_ended:
            self._watch()
        return outcome

    def _send_early(self, early: bytearray) -> bool | None:
        """As `take_turn`, for what was read early."""
        stream, pump = self.stream, self.pump
        assert stream is not None
        assert pump is not None
        if self._early_sent < len(early):
            with memoryview(early) as view:
                self._early_sent += pump.session.write(stream, view[self._early_sent :])
        if self._early_sent < len(early):
            return False if stream.blocked else None
        if stream.opened:
            self._end_early()
        if self._read_ended:
            self._end_reading()
        return False

    def writable(self) -> None:
        """The stream has credit again."""
        if self.pump is not None and not self.closed:
            self.pump.enqueue(self, newcomer=False)

    def _end_reading(self) -> None:
        """The local socket's clean end: FIN, behind everything it sent."""
        self._unwatch()
        self._read_ended = True
        assert self.pump is not None
        assert self.stream is not None
        self.pump.session.finish(self.stream)
        self.pump.wake()
        self._close_when_done()

    # --- from the stream to the socket ----------------------------------------------------------------------------------

    def deliver(self, data: memoryview) -> None:
        """The stream's next bytes."""
        if not self.closed:
            self.received += len(data)
            self._writer.write(data)

    def finish(self) -> None:
        """The peer's clean end: `shutdown`, once everything before it is written."""
        if not self.closed:
            self._writer.finish()

    def consumed(self, length: int) -> None:
        """The socket has taken bytes: credit for the peer."""
        pump, stream = self.pump, self.stream
        if pump is not None and stream is not None and pump.session.consumed(stream, length, read_clock()):
            pump.wake()

    def write_failed(self) -> None:
        """The local socket was reset, or does not want any more."""
        self.abort(ResetCode.RESET)

    def write_finished(self) -> None:
        """Everything is written and shut down."""
        self._close_when_done()

    @property
    def half_open(self) -> bool:
        """Whether exactly one side has finished."""
        return self._read_ended != self._writer.finishing

    def expire(self) -> None:
        """Nothing has moved for too long."""
        self.abort(ResetCode.TIMEOUT)

    # --- ends -----------------------------------------------------------------------------------------------------------

    def _close_when_done(self) -> None:
        if self._read_ended and self._writer.ended:
            self._close(PipeEnd.CLEAN, None)

    def reset(self, code: ResetCode) -> None:
        """The stream is gone: reset the local socket."""
        if not self.closed:
            self._reset_socket()
            self._close(PipeEnd.PEER_RESET, code)

    def abort(self, code: ResetCode) -> None:
        """End the connection from here, for the reason `code`: reset the stream and the socket."""
        if self.closed:
            return
        if self.stream is not None and self.pump is not None:
            self.pump.session.reset(self.stream, code)
            self.pump.wake()
        self._reset_socket()
        self._close(PipeEnd.LOCAL_RESET, code)

    def _reset_socket(self) -> None:
        if self.socket is not None:
            reset_on_close(self.socket)

    def _close(self, end: PipeEnd, code: ResetCode | None) -> None:
        self.closed = True
        self._unwatch()
        self._writer.close()
        self._drop_early()
        if self.socket is not None:
            self.socket.close()
        self._owner.pipe_ended(self, end, code)
