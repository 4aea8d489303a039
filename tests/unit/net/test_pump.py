"""Who waits for a turn at the record."""

from __future__ import annotations

import asyncio
import socket

from wormhole_tunnel.limits import MAX_RECORD_WIRE
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.session import Session, SessionIdentity, SessionSettings
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.negotiation import FramingMode, FramingSpec

FRAMING = Framing.of(FramingSpec(FramingMode.PADDED, 1024), 0.0)
BUFFERS = Buffers()


class Owner:
    """Keeps no pipes."""

    def pipe_ended(self, pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
        """Nothing is logged."""


def new_pump(loop: asyncio.AbstractEventLoop) -> Pump:
    """A pump whose session has no link."""
    identity = SessionIdentity(bytes(16), bytes(32), "default", bytes(16), FRAMING, FRAMING)
    return Pump(loop, Session(identity, SessionSettings(), BUFFERS, 0.0, client=True))


def test_a_pipe_that_is_detached_waits_no_longer() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        pump = new_pump(loop)
        near, far = socket.socketpair()
        with near, far:
            near.settimeout(0)
            pipe = Pipe(loop, Owner(), near, BUFFERS)
            pipe.wait(b"early")
            pipe.attach(pump, pump.session.open_stream(0.0))
            assert pump.share < MAX_RECORD_WIRE
            pipe.detach()
            assert pump.share == MAX_RECORD_WIRE
            pipe.abort(ResetCode.RESET)

    asyncio.run(scenario())
