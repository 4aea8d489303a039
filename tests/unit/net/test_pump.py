"""Who waits for a turn at the record."""

from __future__ import annotations

import asyncio
import socket

from wormhole_tunnel.limits import MAX_RECORD_WIRE
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.net.pump import Pump
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.session import Session, SessionIdentity, SessionSettings, SessionState
from wormhole_tunnel.wire.frames import DATA_HEADER, ResetCode
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


def test_what_a_client_says_at_once_leaves_together_with_its_open() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        pump = new_pump(loop)
        pump.session.state = SessionState.UP
        near, far = socket.socketpair()
        with near, far:
            near.settimeout(0)
            far.sendall(b"GET /")
            pipe = Pipe(loop, Owner(), near, BUFFERS)
            pipe.wait()
            stream = pump.session.open_stream(0.0)
            open_size = pump.session.outbound.composed_bytes
            pipe.attach(pump, stream)
            assert pump.session.outbound.composed_bytes == open_size + DATA_HEADER + len(b"GET /")
            assert pump.share == MAX_RECORD_WIRE  # nothing waits for a turn
            pipe.abort(ResetCode.RESET)

    asyncio.run(scenario())


def test_a_client_that_has_reset_already_is_closed_by_its_first_look() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            near, _ = listener.accept()
            reset_on_close(client)
            client.close()
            near.settimeout(0)
            pipe = Pipe(asyncio.get_running_loop(), Owner(), near, BUFFERS)
            pipe.wait()
            assert pipe.closed

    asyncio.run(scenario())
