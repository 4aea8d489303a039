"""The client proxy's dialling, where it meets a server proxy that is gone at a bad moment."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings, UnixAddress

KEYRING = Keyring((Key("default", bytes(range(32))),))
NOBODY = TcpAddress("127.0.0.1", 1)
SOON = 20.0  # seconds


def test_a_server_proxy_that_resets_before_the_first_message_is_dialled_again(tmp_path: Path) -> None:
    path = tmp_path / "link"
    address = UnixAddress(str(path))

    async def scenario() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(address.path)
        listening.listen()
        async with ClientProxy(TunnelSettings(listen=(), connect=(address,)), KEYRING) as client:
            listening.close()  # connected, and reset before the loop has had a turn
            path.unlink()
            settings = TunnelSettings(mode=Mode.SERVER, listen=(address,), connect=(NOBODY,))
            async with ServerProxy(settings, KEYRING):
                await client.wait_ready(SOON)

    asyncio.run(scenario())
