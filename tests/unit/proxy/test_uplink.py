"""The client proxy's dialling, where it meets a server proxy that is gone at a bad moment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wormhole_tunnel import Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings, UnixAddress
from wormhole_tunnel.crypto.aead import supported_ciphers
from wormhole_tunnel.limits import DEFAULT_FLUSH_DELAY, DEFAULT_QUANTUM
from wormhole_tunnel.net.dial import Dialer
from wormhole_tunnel.net.ephemerals import SystemKeyGenerator
from wormhole_tunnel.net.pipe import Pipe
from wormhole_tunnel.net.resolver import Resolver
from wormhole_tunnel.net.tasks import Tasks
from wormhole_tunnel.proxy.links import UplinkSettings
from wormhole_tunnel.proxy.uplink import Uplink
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.session import SessionSettings
from wormhole_tunnel.wire.negotiation import FramingMode, FramingSpec

KEYRING = Keyring((Key("default", bytes(range(32))),))
NOBODY = TcpAddress("127.0.0.1", 1)
PADDED = FramingSpec(FramingMode.PADDED, DEFAULT_QUANTUM)
SOON = 20.0  # seconds


class KeysAndThen:
    """New keys, and something that happens while the first handshake draws its own."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens
        self._keys = SystemKeyGenerator()
        self.drawn = 0

    def x25519(self) -> X25519PrivateKey:
        if not self.drawn:
            self._happens()
        self.drawn += 1
        return self._keys.x25519()

    def mlkem(self) -> MLKEM768PrivateKey:
        return self._keys.mlkem()


class Owner:
    def __init__(self) -> None:
        self.ready: asyncio.Future[Uplink] = asyncio.get_running_loop().create_future()

    def uplink_ready(self, uplink: Uplink) -> None:
        self.ready.set_result(uplink)

    def uplink_down(self, uplink: Uplink) -> None:
        """Its session waits."""

    def uplink_leaving(self, uplink: Uplink) -> None:
        """It takes no more streams."""

    def uplink_ended(self, uplink: Uplink) -> None:
        """It is over."""

    def place(self, pipe: Pipe) -> None:
        """No pipe is carried here."""


def test_a_server_proxy_that_resets_before_the_first_message_is_dialled_again(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "link"))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address.path)
    listening.listen()

    async def scenario() -> int:
        gone = asyncio.Event()

        def go() -> None:
            listening.close()
            gone.set()

        tasks, owner, keys = Tasks(), Owner(), KeysAndThen(go)
        common = UplinkSettings(
            KEYRING.first, supported_ciphers(), (PADDED, PADDED), DEFAULT_FLUSH_DELAY, SessionSettings()
        )
        uplink = Uplink(owner, address, common, Dialer(Resolver(), tasks), Buffers(), keys)
        uplink.dial()
        await gone.wait()
        settings = TunnelSettings(mode=Mode.SERVER, listen=(address,), connect=(NOBODY,))
        async with asyncio.timeout(SOON), ServerProxy(settings, KEYRING):
            await owner.ready
            uplink.close()
        await tasks.close()
        return keys.drawn

    assert asyncio.run(scenario()) > 1
