"""The bounds of a proxy, where they are reached by what nobody asked for at that moment."""

from __future__ import annotations

import asyncio
import socket
import threading

from tests.support.member import Member
from tests.support.servers import Server, receive
from wormhole_tunnel import Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings

KEY = Key("default", bytes(range(32)))
LOCAL = TcpAddress("127.0.0.1", 0)
SOON = 20.0  # seconds


def test_a_local_event_ends_a_session_whose_control_frames_nobody_takes() -> None:
    """What a callback of a local socket wants to say, and can't, is no internal error."""
    go_on = threading.Event()

    def echo_and_end(sock: socket.socket) -> None:
        sock.sendall(receive(sock, 16))
        go_on.wait(SOON)

    async def scenario(port: int) -> None:
        settings = TunnelSettings(mode=Mode.SERVER, listen=(LOCAL,), connect=(TcpAddress("127.0.0.1", port),))
        async with asyncio.timeout(SOON), ServerProxy(settings, Keyring((KEY,))) as proxy:
            [address] = proxy.addresses
            assert isinstance(address, TcpAddress)
            with Member(address.port, KEY) as member:
                await asyncio.to_thread(member.enter)
                await asyncio.to_thread(member.echo, 1)
                [session] = proxy._served
                session.outbound.overflowed = True
                go_on.set()
                await asyncio.to_thread(member.hear_end)
            assert not proxy._served

    with Server(echo_and_end) as server:
        asyncio.run(scenario(server.port))
