"""What a link reports to the shell around it: everything that needs a socket, a log line or a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from wormhole_tunnel.wire.frames import ResetCode

if TYPE_CHECKING:
    from wormhole_tunnel.session.link import Link
    from wormhole_tunnel.session.session import Session
    from wormhole_tunnel.session.stream import Stream


@dataclass(slots=True)
class DataReceived:
    """Bytes of a stream. One instance is used again and again: it and `data` hold until the next `next_event`."""

    stream: Stream
    data: memoryview


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The peer opened a stream (server side): connect it, then `accept` or `reset` it."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StreamAccepted:
    """The peer has connected our stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The peer's half ended cleanly, after exactly the bytes delivered."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The stream is gone in both directions."""

    stream: Stream
    code: ResetCode


@dataclass(frozen=True, slots=True)
class StreamWritable:
    """A stream that had used up its credit may send again."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class PeerTagged:
    """The peer has shown a valid tag, so it holds a key (server side)."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The peer is verified and the session runs on this link."""

    session: Session
    resumed: bool


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """The server does not know our session: it said NOSESSION, or is another instance than the one that founded it."""

    another_instance: bool


@dataclass(frozen=True, slots=True)
class Fenced:
    """The session's former link was fenced for a new one: close its socket."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkStalled:
    """Data is unacknowledged and not a byte was heard for a while: dial a spare link."""


@dataclass(frozen=True, slots=True)
class LinkRevived:
    """A stalled link speaks again: a spare is not needed any more."""


@dataclass(frozen=True, slots=True)
class LinkAged:
    """The link has lived, or carried, as much as one set of keys should: dial its successor."""


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The peer accepts no stream after `last_stream`."""

    last_stream: int


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The peer ended the session by CLOSE: flush, so that it hears of it, and end this side too."""

    code: ResetCode


@dataclass(frozen=True, slots=True)
class CloseAcknowledged:
    """The peer has our CLOSE, and all before it."""


Event: TypeAlias = (
    DataReceived
    | StreamOpened
    | StreamAccepted
    | StreamFinished
    | StreamReset
    | StreamWritable
    | PeerTagged
    | LinkUp
    | SessionRefused
    | Fenced
    | LinkStalled
    | LinkRevived
    | LinkAged
    | GoingAway
    | SessionClosed
    | CloseAcknowledged
)
