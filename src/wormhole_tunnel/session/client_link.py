"""The client proxy's end of a link: it leads. Founds a session, or resumes one."""

from __future__ import annotations

from wormhole_tunnel import limits
from wormhole_tunnel.errors import FrameError
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.link import Link, LinkState
from wormhole_tunnel.session.resume import check_resumed, make_resume
from wormhole_tunnel.session.session import Session, SessionIdentity, SessionSettings
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.handshake import ClientHandshake, Established, KeyGenerator
from wormhole_tunnel.wire.negotiation import ClientOffer


class ClientLink(Link):
    """Dials in with `offer`. With `session`, that session is resumed on this link; without, a new one is founded.

    `sending` is our direction's framing, `receiving` the server's.
    """

    def __init__(
        self,
        key: Key,
        offer: ClientOffer,
        framing: tuple[Framing, Framing],
        settings: SessionSettings,
        buffers: Buffers,
        generator: KeyGenerator,
        now: float,
        session: Session | None = None,
    ) -> None:
        super().__init__(buffers, now, limits.MESSAGE2_SIZE)
        self._handshake = ClientHandshake(key, offer, generator)
        self._framing = framing
        self._settings = settings
        self._resuming = session
        self._founding: Session | None = None
        self._pending = memoryview(self._handshake.message1)

    def _receive_message(self, message: bytes) -> bool:
        established = self._handshake.read_message2(message)
        self.liveness.answered()
        self._start_records(established, self._framing[0])
        self.state = LinkState.CONFIRMING
        if self._resuming is None:
            self._offer_session(established)
        elif self._resuming.identity.instance != established.answer.instance:
            self._events.append(events.SessionRefused(another_instance=True))
        else:
            self._resume_session(established, self._resuming)
        return True

    def _offer_session(self, established: Established) -> None:
        """The session begins with the server's HELLO: until then a link that breaks takes nothing with it."""
        sending, receiving = self._framing
        identity = SessionIdentity(
            established.session_id,
            established.resume_key,
            established.key.name,
            established.answer.instance,
            sending,
            receiving,
        )
        self._founding = Session(identity, self._settings, self._buffers, self.now, client=True)
        self._opening = self._founding.hello()

    def _resume_session(self, established: Established, session: Session) -> None:
        """Nothing more is applied from the former link before the server is told how much was."""
        former = session.link
        session.fence(self.now)
        if former is not None:
            self._events.append(events.Fenced(former))
        self._opening = frames.pack_resume(make_resume(session, established.transcript))

    def _attach(self, session: Session, resumed: bool) -> events.Event:
        self.session = session
        session.attach(self)
        self.state = LinkState.UP
        return events.LinkUp(session, resumed)

    def _receive_first_frame(self, frame: frames.Frame) -> events.Event | None:
        self.liveness.confirmed()
        if isinstance(frame, frames.Hello) and self._founding is not None:
            self._founding.receive_hello(frame)
            return self._attach(self._founding, resumed=False)
        session = self._resuming
        if session is not None and self.established is not None:
            if isinstance(frame, frames.NoSession):
                return events.SessionRefused(another_instance=False)
            if isinstance(frame, frames.Resumed):
                check_resumed(session, self.established.transcript, frame)
                session.resume_from(frame.rx_next, self.now)
                return self._attach(session, resumed=True)
        raise FrameError(f"{type(frame).__name__} is not what a server begins with")
