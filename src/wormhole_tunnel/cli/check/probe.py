"""One server proxy, step by step, as a client proxy would meet it; the first step that fails is the finding.

A whole link is made, and a session founded and closed again. The server proxy tells a peer without the key nothing of all
this, so what can be said without it comes from the outside: names, ports, and who else answers.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Final

from wormhole_tunnel.cli.check.identify import ask, identify
from wormhole_tunnel.cli.check.outcome import OF_DIAL, OF_RESET, OF_STATUS, Finding, Outcome
from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.crypto.aead import supported_ciphers
from wormhole_tunnel.errors import HandshakeError, ProtocolError
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.dial import Dialer, DialError
from wormhole_tunnel.net.ephemerals import SystemKeyGenerator
from wormhole_tunnel.proxy.client import framing_spec
from wormhole_tunnel.proxy.links import UplinkSettings
from wormhole_tunnel.proxy.pipes import session_settings
from wormhole_tunnel.proxy.report import CIPHER_NAMES
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import HandshakeRefusedError

_REASONS: Final = {
    ResetCode.REFUSED: "it refuses connections",
    ResetCode.UNREACHABLE: "it can't be reached",
    ResetCode.TIMEOUT: "it does not answer",
    ResetCode.NAME: "its name is not found",
    ResetCode.DENIED: "the server proxy may not connect to it",
}


class Probe:
    """Checks one address. `patience` bounds every step, in seconds; `ask_server` has the server behind it connected."""

    def __init__(
        self, dialer: Dialer, address: Address, settings: TunnelSettings, key: Key, patience: float, *, ask_server: bool
    ) -> None:
        self._dialer = dialer
        self._address = address
        self._settings = settings
        self._key = key
        self._patience = patience
        self._ask_server = ask_server
        self._loop = asyncio.get_running_loop()
        self._finding = Finding(address=str(address), outcome=Outcome.OK)
        self._answer = bytearray()  # the beginning of all that came

    async def run(self) -> Finding:
        """Find out; raises nothing that a peer or a network can cause."""
        started = clock.now()
        try:
            sock = await self._dialer.dial(self._address, self._patience)
        except DialError as error:
            return self._found(OF_DIAL[error.reason], str(error))
        self._finding = replace(self._finding, connect_seconds=clock.now() - started)
        with sock:
            try:
                async with asyncio.timeout(self._patience):
                    return await self._meet(sock)
            except HandshakeRefusedError as error:
                self._finding = replace(self._finding, clock_offset_seconds=_offset(error.answer.unix_ms))
                return self._found(OF_STATUS[error.answer.status], str(error))
            except (ProtocolError, OSError) as error:
                return await self._explain(error)

    def _found(self, outcome: Outcome, detail: str) -> Finding:
        self._finding = replace(self._finding, outcome=outcome, detail=detail)
        return self._finding

    async def _explain(self, error: ProtocolError | OSError) -> Finding:
        """What it means that no link came about."""
        if self._finding.handshake_seconds is not None:
            return self._found(Outcome.BROKEN, f"the link broke after the handshake: {str(error) or 'no answer'}")
        who = identify(bytes(self._answer)) or await ask(self._dialer, self._address)
        if who:
            return self._found(Outcome.OTHER, f"{who} answers there, no wormhole server proxy")
        if not self._answer:
            how = (
                f"no answer within {self._patience:g} s"
                if isinstance(error, TimeoutError)
                else "it ends the connection"
            )
            return self._found(Outcome.SILENCE, f"{how}: another key, another protocol version, or no server proxy")
        if isinstance(error, HandshakeError):
            return self._found(Outcome.FORGED, f"the answer is not genuine: {error}")
        return self._found(Outcome.OTHER, "something answers there that is no wormhole server proxy")

    # --- the steps ------------------------------------------------------------------------------------------------------

    async def _meet(self, sock: socket.socket) -> Finding:
        """Raises ProtocolError or OSError where the link does not come about."""
        framing = framing_spec(self._settings)
        common = UplinkSettings(
            self._key, supported_ciphers(), (framing, framing), 0.0, session_settings(self._settings)
        )
        link = common.new_link(None, Buffers(), SystemKeyGenerator())
        session = await self._found_session(sock, link)
        if self._ask_server:
            await self._open_stream(sock, link, session)
        session.close(ResetCode.RESET)
        await self._send(sock, link)
        return self._finding

    async def _found_session(self, sock: socket.socket, link: ClientLink) -> Session:
        started = clock.now()
        session: Session | None = None
        while session is None or not link.liveness.round_trip:
            for event in await self._exchange(sock, link):
                if isinstance(event, events.LinkUp):
                    session = event.session
            if link.established is not None and self._finding.handshake_seconds is None:
                self._finding = replace(
                    self._finding,
                    handshake_seconds=clock.now() - started,
                    clock_offset_seconds=_offset(link.established.answer.unix_ms),
                    key=self._key.name,
                    cipher=CIPHER_NAMES[link.established.cipher],
                )
        self._finding = replace(self._finding, round_trip_seconds=link.liveness.round_trip)
        return session

    async def _open_stream(self, sock: socket.socket, link: ClientLink, session: Session) -> None:
        """Have the server connected, and reset that connection before a byte is sent."""
        started = clock.now()
        stream = session.open_stream(started, self._settings.service)
        while True:
            for event in await self._exchange(sock, link):
                match event:
                    case events.StreamAccepted():
                        self._finding = replace(self._finding, server_seconds=clock.now() - started)
                        session.reset(stream, ResetCode.RESET)
                        return
                    case events.StreamReset(_, code):
                        reason = _REASONS.get(code, code.name.lower().replace("_", " "))
                        self._found(OF_RESET.get(code, Outcome.BACKEND), f"no connection to the server: {reason}")
                        return
                    case _:
                        pass

    # --- bytes ----------------------------------------------------------------------------------------------------------

    async def _exchange(self, sock: socket.socket, link: ClientLink) -> list[events.Event]:
        """Send what is due, receive something; the events of that. Raises ProtocolError or OSError."""
        await self._send(sock, link)
        data = await self._loop.sock_recv(sock, 1 << 16)
        if len(self._answer) < 1 << 12:
            self._answer += data
        if not data or (link.established is None and identify(bytes(self._answer))):
            raise ConnectionAbortedError("the other end ended the connection")
        return _receive(link, memoryview(data))

    async def _send(self, sock: socket.socket, link: ClientLink) -> None:
        while (data := link.data_to_send(clock.now())) is not None:
            await self._loop.sock_sendall(sock, data)
            link.data_sent(len(data))


def _receive(link: ClientLink, data: memoryview) -> list[events.Event]:
    found: list[events.Event] = []
    while data:
        data = data[link.receive_data(data, clock.now()) :]
        while (event := link.next_event()) is not None:
            found.append(event)
    return found


def _offset(unix_ms: int) -> float:
    return (unix_ms - clock.unix_ms()) / 1000
