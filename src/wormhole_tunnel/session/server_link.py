"""The server proxy's end of a link: it answers those who hold a key, and is silent to all others.

Before the client's first record verifies, nothing is kept for it but this object: no session, no upstream connection.
"""

from __future__ import annotations

from wormhole_tunnel import limits
from wormhole_tunnel.errors import FrameError
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.host import SessionHost
from wormhole_tunnel.session.link import Link, LinkState
from wormhole_tunnel.session.resume import make_resumed
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.handshake import Established, HandshakeStatus


class ServerLink(Link):
    """One accepted connection. `refused` says why the link ends once its second message is sent."""

    def __init__(self, host: SessionHost, buffers: Buffers, now: float) -> None:
        super().__init__(buffers, now, limits.MESSAGE1_SIZE)
        self._host = host
        self.refused: HandshakeStatus | None = None

    @property
    def tagged(self) -> bool:
        """Whether the peer has shown a valid tag."""
        return self.established is not None

    @property
    def finished(self) -> bool:
        """The refusal is sent."""
        return self.refused is not None and not self._pending

    def _receive_message(self, message: bytes) -> bool:
        if self.refused is not None:
            self._message_end = 0  # thrown away: one answer is all there is
            return False
        message2, established, status = self._host.answer(message, self.now)
        self._pending = memoryview(message2)
        self._events.append(events.PeerTagged())
        if status is not HandshakeStatus.OK:
            self.refused = status
            self._message_end = 0
            return True
        self._start_records(established, self._host.sending_framing(established))
        return True

    def _open_next_record(self) -> bool:
        opened = super()._open_next_record()
        if self._record is not None and self.state is LinkState.HANDSHAKE:
            self.state = LinkState.CONFIRMING
            self.liveness.confirmed()
        return opened

    def _receive_first_frame(self, frame: frames.Frame) -> events.Event | None:
        assert self.established is not None
        if isinstance(frame, frames.Hello):
            session = self._host.found(self.established, self.now)
            session.receive_hello(frame)
            self._opening = session.hello()
            return self._attach(session, resumed=False)
        if isinstance(frame, frames.Resume):
            return self._resume(self.established, frame)
        raise FrameError(f"{type(frame).__name__} is not what a client begins with")

    def _resume(self, established: Established, frame: frames.Resume) -> events.Event | None:
        session = self._host.resume(established, frame)
        if session is None:
            self._opening = frames.pack_no_session()
            return None
        session.generation = frame.generation
        former = session.link
        session.fence(self.now)
        session.resume_from(frame.rx_next, self.now)
        self._opening = frames.pack_resumed(make_resumed(session, established.transcript))
        if former is not None:
            self._events.append(events.Fenced(former))
        return self._attach(session, resumed=True)

    def _attach(self, session: Session, resumed: bool) -> events.Event:
        self.session = session
        session.attach(self)
        self.state = LinkState.UP
        return events.LinkUp(session, resumed)
