"""A stream: one proxied TCP connection, as the session sees it. Two halves, each with its own offsets and its own end.

All offsets count bytes from the stream's beginning. Sending is allowed up to `send_limit`, which the peer raises by WINDOW;
the peer may send up to `receive_limit`, which we raise as the local socket takes the data.
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.errors import FlowControlError, FrameError
from wormhole_tunnel.limits import INITIAL_WINDOW, MAX_WINDOW
from wormhole_tunnel.wire.frames import SourceAddress

_GROW_WITHIN: Final = 0.005  # seconds; half a window used up faster than this (or two round trips) enlarges it
_GROWTH: Final = 4  # times; from the first window to the largest in four round trips


class Stream:
    """Counters and states of one stream; `owner` is whatever the shell wants to find back (its local socket).

    `send_finished` says that our half has come to its end, `receive_finished` that the peer's has.
    """

    __slots__ = (
        "blocked",
        "consumed",
        "id",
        "open_number",
        "opened",
        "owner",
        "raised_at",
        "receive_finished",
        "receive_limit",
        "received",
        "send_finished",
        "send_limit",
        "sent",
        "service",
        "source",
        "window",
    )

    def __init__(self, stream_id: int, send_limit: int, now: float) -> None:
        self.id = stream_id
        self.owner: object = None
        self.service = ""
        self.source: SourceAddress | None = None
        self.open_number = 0  # OPEN's number among our frames (client)
        self.opened = False  # OPENED was seen (client) or sent (server)
        self.sent = 0
        self.send_limit = send_limit
        self.send_finished = False
        self.blocked = False  # wanted to send and had no credit
        self.received = 0
        self.consumed = 0
        self.window = INITIAL_WINDOW
        self.receive_limit = INITIAL_WINDOW
        self.receive_finished = False
        self.raised_at = now

    @property
    def credit(self) -> int:
        """How many bytes may be sent now."""
        return self.send_limit - self.sent

    @property
    def finished(self) -> bool:
        """Both halves have come to their clean end."""
        return self.send_finished and self.receive_finished

    def receive(self, length: int) -> None:
        """Account for DATA. Raises FrameError after FIN and FlowControlError beyond the limit."""
        if self.receive_finished:
            raise FrameError(f"DATA after FIN on stream {self.id}")
        self.received += length
        if self.received > self.receive_limit:
            raise FlowControlError(f"stream {self.id} sent beyond its window")

    def receive_fin(self, final_offset: int) -> None:
        """Account for FIN. Raises FrameError where it is not the true end: truncation is never a clean end."""
        if self.receive_finished or final_offset != self.received:
            raise FrameError(f"FIN of stream {self.id} does not match what came before it")
        self.receive_finished = True

    def receive_window(self, limit: int) -> bool:
        """Take a raised limit (a lower one is old news); tells whether a blocked sender can go on."""
        self.send_limit = max(self.send_limit, limit)
        unblocked = self.blocked and self.credit > 0
        if unblocked:
            self.blocked = False
        return unblocked

    def consume(self, length: int) -> bool:
        """The local socket has taken `length` bytes; tells whether half of the window is used: a WINDOW is due."""
        self.consumed += length
        return self.receive_limit - self.consumed <= self.window >> 1 and not self.receive_finished

    def wanted_growth(self, now: float, round_trip: float) -> int:
        """Bytes by which the window should grow, from how fast half of it was used up."""
        if now - self.raised_at > max(_GROW_WITHIN, 2 * round_trip):
            return 0
        return min((_GROWTH - 1) * self.window, MAX_WINDOW - self.window)

    def raise_window(self, growth: int, now: float) -> int:
        """Grow by `growth` and return the new absolute limit to announce."""
        self.window += growth
        self.receive_limit = self.consumed + self.window
        self.raised_at = now
        return self.receive_limit
