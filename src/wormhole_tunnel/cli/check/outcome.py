"""What a check can find: each has an exit code of its own, and says what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from wormhole_tunnel.net.dial import DialReason
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.negotiation import HandshakeStatus


class Outcome(Enum):
    """The first thing that is wrong, or `OK`."""

    OK = "ok"
    NAME = "name_not_found"
    CLOSED = "port_closed"
    FILTERED = "filtered"
    UNREACHABLE = "unreachable"
    OTHER = "something_else"
    SILENCE = "silence"
    CLOCK = "clock"
    FRAMING = "framing_refused"
    BUSY = "busy"
    DRAINING = "draining"
    BACKEND = "backend_down"
    FORGED = "not_genuine"
    BROKEN = "link_broken"
    NOT_READY = "not_ready"
    NO_STATUS = "no_status"


@dataclass(frozen=True, slots=True)
class Meaning:
    """Exit code, and what to do."""

    code: int
    advice: str


MEANINGS: Final = {
    Outcome.OK: Meaning(0, ""),
    Outcome.NAME: Meaning(10, "check the spelling, and the name servers of this host"),
    Outcome.CLOSED: Meaning(11, "start the server proxy there, or mend the port; it may listen on 127.0.0.1 only (-c)"),
    Outcome.FILTERED: Meaning(12, "a firewall drops it, or the host is down: open the port between the two hosts"),
    Outcome.UNREACHABLE: Meaning(13, "check the routes and the firewall of this host"),
    Outcome.OTHER: Meaning(14, "the address belongs to another service: mend host and port of -s"),
    Outcome.SILENCE: Meaning(
        15,
        "if it is a server proxy, its key or its version differs: compare `sha256sum key.yaml` of both hosts, and look at"
        " its log, which says what came in",
    ),
    Outcome.CLOCK: Meaning(16, "set the clocks of both hosts (NTP), or raise --max-skew of the server proxy"),
    Outcome.FRAMING: Meaning(17, "`exact` framing needs --framing exact on the server proxy as well"),
    Outcome.BUSY: Meaning(
        18, "raise --max-sessions, --max-connections or --max-memory of the server proxy, or try later"
    ),
    Outcome.DRAINING: Meaning(19, "it is about to stop: start it anew, or use another"),
    Outcome.BACKEND: Meaning(20, "start the server, or mend -s of the server proxy; its log says more"),
    Outcome.FORGED: Meaning(21, "somebody between the two hosts may be meddling; try by another way"),
    Outcome.BROKEN: Meaning(22, "try again; if it stays, look at the server proxy's log"),
    Outcome.NOT_READY: Meaning(23, "wait, or look at the proxy's log"),
    Outcome.NO_STATUS: Meaning(24, "start the proxy with --status, and name the same address here"),
}

OF_DIAL: Final = {
    DialReason.NAME: Outcome.NAME,
    DialReason.REFUSED: Outcome.CLOSED,
    DialReason.TIMEOUT: Outcome.FILTERED,
    DialReason.UNREACHABLE: Outcome.UNREACHABLE,
    DialReason.DENIED: Outcome.UNREACHABLE,
    DialReason.LIMIT: Outcome.UNREACHABLE,
}
OF_STATUS: Final = {
    HandshakeStatus.FRAMING_REFUSED: Outcome.FRAMING,
    HandshakeStatus.CLOCK: Outcome.CLOCK,
    HandshakeStatus.DRAINING: Outcome.DRAINING,
    HandshakeStatus.BUSY: Outcome.BUSY,
}
OF_RESET: Final = {ResetCode.LIMIT: Outcome.BUSY, ResetCode.DRAINING: Outcome.DRAINING}  # any other: BACKEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found at one address. Times in seconds, None where it did not come so far.

    `clock_offset` is how far the server proxy's clock is ahead of this host's.
    """

    address: str
    outcome: Outcome
    detail: str = ""
    connect_seconds: float | None = None
    handshake_seconds: float | None = None
    round_trip_seconds: float | None = None
    clock_offset_seconds: float | None = None
    server_seconds: float | None = None
    key: str = ""
    cipher: str = ""

    @property
    def code(self) -> int:
        """The exit code."""
        return MEANINGS[self.outcome].code

    @property
    def advice(self) -> str:
        """What to do next."""
        return MEANINGS[self.outcome].advice
