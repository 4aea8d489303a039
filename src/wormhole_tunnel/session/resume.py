"""Proofs for RESUME and RESUMED: who resumes knows the session's key, and speaks on this very link.

mac = HMAC-SHA256(k_res, role || h || sid || gen || rx_next)        role "c" or "s", h the link's transcript hash
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Final

from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import Resume, Resumed

_COUNTERS: Final = struct.Struct(">IQ")


def _proof(role: bytes, session: Session, transcript: bytes, generation: int, rx_next: int) -> bytes:
    identity = session.identity
    message = role + transcript + identity.session_id + _COUNTERS.pack(generation, rx_next)
    return hmac.digest(identity.resume_key, message, hashlib.sha256)


def make_resume(session: Session, transcript: bytes) -> Resume:
    """The client's RESUME; the session's former link is fenced already, so that `rx_next` is final."""
    session.generation += 1
    mac = _proof(b"c", session, transcript, session.generation, session.rx_next)
    return Resume(session.identity.session_id, session.generation, session.rx_next, mac)


def check_resume(session: Session, transcript: bytes, resume: Resume) -> None:
    """Check a RESUME (server). Raises HandshakeError: forged, or older than what this session has seen."""
    expected = _proof(b"c", session, transcript, resume.generation, resume.rx_next)
    if not hmac.compare_digest(expected, resume.mac):
        raise HandshakeError("a RESUME whose proof does not verify")
    if resume.generation <= session.generation:
        raise HandshakeError("a stale RESUME")
    session_range = range(session.outbound.retention.acknowledged, session.outbound.next_number + 1)
    if resume.rx_next not in session_range:
        raise HandshakeError("a RESUME that claims frames that were not sent, or forgot some it had")


def make_resumed(session: Session, transcript: bytes) -> Resumed:
    """The server's RESUMED, after the fence."""
    mac = _proof(b"s", session, transcript, session.generation, session.rx_next)
    return Resumed(session.generation, session.rx_next, mac)


def check_resumed(session: Session, transcript: bytes, resumed: Resumed) -> None:
    """Check a RESUMED (client). Raises HandshakeError."""
    expected = _proof(b"s", session, transcript, resumed.generation, resumed.rx_next)
    if not hmac.compare_digest(expected, resumed.mac) or resumed.generation != session.generation:
        raise HandshakeError("a RESUMED whose proof does not verify")
