"""What becomes of an uplink's streams at the other end, and what that says about where to open the next ones.

A stream that the server proxy has certainly not begun is taken back and opened elsewhere. That is the only way in which a
connection moves: a command must never run twice (docs/protocol.md, Streams).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Final

from wormhole_tunnel.net import clock
from wormhole_tunnel.net.pipe import Pipe
from wormhole_tunnel.proxy.failover import Health
from wormhole_tunnel.proxy.pipes import apply_stream_event, pipe_of
from wormhole_tunnel.session import events
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode

_NO_SERVER: Final = frozenset(  # the server proxy works, the server behind it does not
    {ResetCode.REFUSED, ResetCode.UNREACHABLE, ResetCode.TIMEOUT, ResetCode.NAME, ResetCode.LIMIT}
)


class Placement:
    """One uplink's. `place` opens a stream for a pipe; `draining` is told that this server proxy begins no more."""

    __slots__ = ("_draining", "_health", "_place")

    def __init__(self, place: Callable[[Pipe], None], draining: Callable[[], None]) -> None:
        self._place = place
        self._draining = draining
        self._health = Health(random.SystemRandom())

    def avoided(self, now: float) -> bool:
        """Whether the server behind the server proxy refuses connections."""
        return self._health.avoided(now)

    def apply(self, event: events.Event) -> None:
        """Pass a stream's event on to its pipe, unless the stream is to be opened elsewhere."""
        match event:
            case events.StreamReset(stream, ResetCode.DRAINING) if not stream.opened:
                self.take_back([stream])
                self._draining()
                return
            case events.StreamReset(stream, code) if not stream.opened and code in _NO_SERVER:
                self._health.failed(clock.now())
            case events.StreamAccepted():
                self._health.succeeded()
            case _:
                pass
        apply_stream_event(event)

    def take_back(self, streams: Iterable[Stream]) -> None:
        """Open these elsewhere: the server proxy has never begun them."""
        for stream in streams:
            pipe = pipe_of(stream.owner)
            if pipe is not None and not pipe.closed:
                pipe.detach()
                self._place(pipe)
