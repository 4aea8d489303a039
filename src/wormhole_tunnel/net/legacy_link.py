"""A legacy connection: a local socket and the TCP link that carries it alone, joined by a LegacyLink.

The transport has no end mark, and the original closes both sockets as soon as either direction ends. So half-close
can't be had from it; what is done here loses as little as that allows:

- An end is passed on only after all that came before it.
- After one direction has ended the other goes on for as long as bytes move, with `linger` seconds of silence at most.
- The client proxy delays the end of its client: the link stays open until nothing has come for `answer_grace` seconds,
  since an original at the other end would drop the answer (`echo PING | nc -N`).
- A reset, an error of the transport and a direction given up become a reset: never a clean end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.legacy.errors import LegacyError
from wormhole_tunnel.legacy.link import MESSAGES_PER_READ, READ_SIZE, LegacyLink
from wormhole_tunnel.legacy.secretstream import MESSAGE_SIZE
from wormhole_tunnel.net.legacy_flow import Codec, Flow, FlowState
from wormhole_tunnel.net.socket_options import reset_on_close

BUFFER_SIZE: Final = MESSAGES_PER_READ * MESSAGE_SIZE  # bytes, the larger of the two reads


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, once one direction has ended: see the head of this module."""

    answer_grace: float
    linger: float = 5.0


@dataclass(frozen=True, slots=True)
class PipeNames:
    """What the log calls the two ends: `client` and `server proxy`, or `server` and `client proxy`."""

    local: str
    link: str


@dataclass(frozen=True, slots=True)
class PipeEnd:
    """How a connection ended.

    `closed_by`: the end that ended first, by its name. `error`: what made it a reset, empty if it was a clean end;
    `by_protocol` if the peer broke the transport. Bytes are of data, as the local socket sees it.
    """

    closed_by: str
    error: str
    by_protocol: bool
    bytes_sent: int
    bytes_received: int
    seconds: float


class LegacyPipe:
    """One connection from its start to its end; owns both sockets, which are connected and non-blocking.

    `buffer`: BUFFER_SIZE bytes, shared by all pipes.
    `on_header` is called when the peer's header has arrived, `on_end` once, when both sockets are closed.
    """

    __slots__ = (
        "_closed_by", "_grace_timer", "_header_told", "_inbound", "_linger_timer", "_link", "_loop",
        "_names", "_on_end", "_on_header", "_outbound", "_patience", "_started",
    )  # fmt: skip

    def __init__(
        self,
        link: LegacyLink,
        *,
        sockets: tuple[socket.socket, socket.socket],
        buffer: memoryview,
        names: PipeNames,
        patience: Patience,
        on_header: Callable[[bytes], None],
        on_end: Callable[[PipeEnd], None],
    ) -> None:
        """`sockets`: the local one, then the link's."""
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._names = names
        self._patience = patience
        self._on_header = on_header
        self._on_end: Callable[[PipeEnd], None] | None = on_end
        self._closed_by = ""
        self._started = self._loop.time()
        self._grace_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._header_told = False
        local, remote = sockets
        self._outbound = Flow(local, remote, Codec(link.seal, lambda: None), buffer[:READ_SIZE], self)
        self._inbound = Flow(remote, local, Codec(self._open, link.receive_eof), buffer, self)

    @property
    def sent(self) -> int:
        """Bytes read from the local socket."""
        return self._outbound.bytes_read

    @property
    def received(self) -> int:
        """Bytes written to the local socket."""
        return self._inbound.bytes_written

    @property
    def half_open(self) -> bool:
        """Whether exactly one direction has ended."""
        return (self._outbound.state is FlowState.ENDED) != (self._inbound.state is FlowState.ENDED)

    def start(self) -> None:
        """Send the header and begin."""
        self._inbound.start()
        self._outbound.start(self._link.header)

    def abort(self, reason: str) -> None:
        """Reset both sockets. Harmless once the connection has ended."""
        self._close(reset=True, error=reason)

    def flow_ended(self, flow: Flow) -> None:
        """One direction is complete: pass its end on. The connection is over when both are."""
        self._note_end(flow.source)
        if self._other(flow).state is FlowState.ENDED:
            self._close(reset=False)
        elif flow is self._outbound and self._patience.answer_grace:
            self._await_answer()
        else:
            _shut_down(flow.sink)

    def flow_broken(self, flow: Flow, error: OSError | LegacyError) -> None:
        """One socket failed. All before it was written; nothing can go the other way any more."""
        self._note_end(flow.source)
        self._close(reset=True, error=_describe(error), by_protocol=isinstance(error, LegacyError))

    def sink_lost(self, flow: Flow, *, after_eof: bool) -> None:
        """One socket takes no more. What it sent before may still wait to be read, and to be written to the other."""
        self._note_end(flow.sink)
        other = self._other(flow)
        if other.state is FlowState.FLOWING and not after_eof:
            other.distrust_eof()
        elif other.state in (FlowState.FLOWING, FlowState.ENDED):
            flow.discard()
            if other.state is FlowState.ENDED:
                _shut_down(other.sink)
        else:
            self.abort("both ends were reset")

    def _open(self, data: memoryview) -> bytes:
        opened = self._link.receive_data(data)
        if self._link.peer_header and not self._header_told:
            self._header_told = True
            self._on_header(self._link.peer_header)
        return opened

    def _await_answer(self) -> None:
        """End the link's outbound direction once the inbound one was silent for long enough."""
        rest = self._patience.answer_grace - self._silence()
        if self._inbound.state is FlowState.FLOWING and rest > 0:
            self._grace_timer = self._loop.call_later(rest, self._await_answer)
        else:
            _shut_down(self._outbound.sink)

    def _give_up_silence(self) -> None:
        rest = self._patience.linger - self._silence()
        if rest > 0:
            self._linger_timer = self._loop.call_later(rest, self._give_up_silence)
        else:
            self.abort(
                f"silent for {self._patience.linger:g} s after one direction had ended, and the transport has no half-close"
            )

    def _silence(self) -> float:
        """Seconds since a byte moved; 0 while bytes wait for a slow reader, who may take all the time it wants."""
        if self._outbound.is_blocked or self._inbound.is_blocked:
            return 0.0
        return self._loop.time() - max(self._outbound.last_active, self._inbound.last_active)

    def _note_end(self, side: socket.socket) -> None:
        if not self._closed_by:
            self._closed_by = self._name(side)
            self._linger_timer = self._loop.call_later(self._patience.linger, self._give_up_silence)

    def _other(self, flow: Flow) -> Flow:
        return self._inbound if flow is self._outbound else self._outbound

    def _name(self, side: socket.socket) -> str:
        return self._names.local if side is self._outbound.source else self._names.link

    def _close(self, *, reset: bool, error: str = "", by_protocol: bool = False) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        for timer in (self._grace_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._outbound.stop()
        self._inbound.stop()
        for side in (self._outbound.source, self._outbound.sink):
            if reset:
                reset_on_close(side)
            side.close()
        seconds = self._loop.time() - self._started
        on_end(PipeEnd(self._closed_by, error, by_protocol, self.sent, self.received, seconds))


def _describe(error: OSError | LegacyError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _shut_down(sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # a reset came first: reading tells
        sink.shutdown(socket.SHUT_WR)
