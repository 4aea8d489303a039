"""The server proxy's side of all its links: which offers it accepts, which sessions it knows.

Decisions only. The checks of an offer run in this order: a key of the ring (its tag matches), not seen before, not too many
handshakes, clocks close enough, framing allowed. Up to the third, whoever asks learns nothing: the answer is silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wormhole_tunnel import limits
from wormhole_tunnel.crypto.aead import choose_cipher
from wormhole_tunnel.errors import HandshakeError, LimitError
from wormhole_tunnel.keys.keyring import Keyring
from wormhole_tunnel.session.admission import HandshakeLimiter
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.replay import ReplayCache, Verdict
from wormhole_tunnel.session.resume import check_resume
from wormhole_tunnel.session.session import Session, SessionIdentity, SessionSettings, SessionState
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.handshake import (
    ANY_INSTANCE,
    HINT_SIZE,
    ClientOffer,
    Established,
    FramingMode,
    FramingSpec,
    HandshakeStatus,
    KeyGenerator,
    ServerAnswer,
    ServerHandshake,
)

_MICROSECONDS = 1_000_000


class HandshakeLimitedError(HandshakeError):
    """A key's holder makes handshakes faster than allowed: its link is reset at once, so that it can try again."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What a server proxy allows. `flush_delay` in seconds is its own buffered framing's."""

    session: SessionSettings = field(default_factory=SessionSettings)
    max_sessions: int = limits.MAX_SESSIONS
    max_skew: float = limits.MAX_SKEW
    allow_exact: bool = False
    flush_delay: float = limits.DEFAULT_FLUSH_DELAY


class SessionHost:
    """Shared by all links of one server proxy. `unix_ms` reads the wall clock; `instance` is 16 random bytes."""

    def __init__(
        self,
        keyring: Keyring,
        instance: bytes,
        settings: HostSettings,
        buffers: Buffers,
        generator: KeyGenerator,
        unix_ms: Callable[[], int],
    ) -> None:
        self.keyring = keyring
        self.instance = instance
        self.settings = settings
        self.draining = False
        self.sessions: dict[bytes, Session] = {}
        self.key_last_used: dict[str, int] = {}
        self._buffers = buffers
        self._generator = generator
        self._unix_ms = unix_ms
        self._replays = ReplayCache(settings.max_skew)
        self._limiter = HandshakeLimiter()

    # --- the handshake --------------------------------------------------------------------------------------------------

    def answer(self, message1: bytes, now: float) -> tuple[bytes, Established, HandshakeStatus]:
        """Message 2, the secrets, and whether the link may go on. Raises HandshakeError: say nothing."""
        handshake = ServerHandshake(self.keyring)
        offer = handshake.read_message1(message1)
        unix_ms = self._unix_ms()
        verdict = self._replays.check_and_add(message1[:HINT_SIZE], offer.unix_ms, unix_ms, now)
        if verdict is Verdict.REPLAY:
            raise HandshakeError("a first message that was seen before: a replay")
        resuming = offer.wanted_instance != ANY_INSTANCE
        if not self._limiter.allow(handshake.key.name, now, resume=resuming):
            raise HandshakeLimitedError(f"too many handshakes with key {handshake.key.name!r}")
        status = HandshakeStatus.CLOCK if verdict is Verdict.SKEWED else self._status(offer)
        answer = ServerAnswer(
            unix_ms, status, choose_cipher(offer.ciphers), offer.to_server, offer.to_client, self.instance
        )
        message2, established = handshake.respond(answer, self._generator)
        self.key_last_used[established.key.name] = unix_ms
        return message2, established, status

    def _status(self, offer: ClientOffer) -> HandshakeStatus:
        if not (self._allows(offer.to_server) and self._allows(offer.to_client)):
            return HandshakeStatus.FRAMING_REFUSED
        resumes_here = offer.wanted_instance == self.instance
        if self.draining and not resumes_here:
            return HandshakeStatus.DRAINING
        full = len(self.sessions) >= self.settings.max_sessions or self._buffers.crowded
        if full and not resumes_here:
            return HandshakeStatus.BUSY
        return HandshakeStatus.OK

    def _allows(self, framing: FramingSpec) -> bool:
        if framing.mode is FramingMode.EXACT:
            return self.settings.allow_exact
        if not limits.MIN_QUANTUM <= framing.quantum <= limits.MAX_QUANTUM:
            return False
        if framing.mode is FramingMode.CONSTANT:
            shortest = limits.MIN_CONSTANT_INTERVAL * _MICROSECONDS
            return framing.quantum >= limits.MIN_CONSTANT_QUANTUM and framing.interval_us >= shortest
        return True

    def sending_framing(self, established: Established) -> Framing:
        """The framing of the server's direction, as the client asked for."""
        return Framing.of(established.offer.to_client, self.settings.flush_delay)

    # --- sessions -------------------------------------------------------------------------------------------------------

    def found(self, established: Established, now: float) -> Session:
        """A new session. Raises LimitError at `max_sessions`, HandshakeError when the key was taken away meanwhile."""
        self._check_key(established)
        if len(self.sessions) >= self.settings.max_sessions:
            raise LimitError("as many sessions as allowed")
        offer = established.offer
        identity = SessionIdentity(
            established.session_id,
            established.resume_key,
            established.key.name,
            self.instance,
            self.sending_framing(established),
            Framing.of(offer.to_server, self.settings.flush_delay),
        )
        session = Session(identity, self.settings.session, self._buffers, now, client=False)
        self.sessions[identity.session_id] = session
        return session

    def resume(self, established: Established, resume: frames.Resume) -> Session | None:
        """The session to resume, checked; None for one that is not known here. Raises HandshakeError: say nothing."""
        self._check_key(established)
        session = self.sessions.get(resume.session_id)
        if session is None or session.state is SessionState.ENDED or not session.resume_timeout:
            return None
        if session.identity.key_name != established.key.name:
            raise HandshakeError("a RESUME with another key than the session's")
        check_resume(session, established.transcript, resume)
        offer = established.offer
        framing = self.sending_framing(established), Framing.of(offer.to_server, self.settings.flush_delay)
        if framing != (session.identity.sending, session.identity.receiving):
            raise HandshakeError("a RESUME with another framing than the session's")
        return session

    def _check_key(self, established: Established) -> None:
        """The ring may have been replaced since the link's handshake."""
        if self.keyring.by_name(established.key.name) != established.key:
            raise HandshakeError(f"key {established.key.name!r} is not in the key file any more")

    def forget(self, session: Session) -> None:
        """The session has ended: RESUME for it is answered NOSESSION from now on."""
        self.sessions.pop(session.identity.session_id, None)

    def replace_keyring(self, keyring: Keyring) -> list[Session]:
        """Use this ring from now on; returns the sessions whose key is no longer in it, for their owner to end."""
        kept = {key.name: key.secret for key in keyring}
        removed = {key.name for key in self.keyring if kept.get(key.name) != key.secret}
        self.keyring = keyring
        return [session for session in self.sessions.values() if session.identity.key_name in removed]
