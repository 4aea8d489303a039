"""Both proxies in one program: a server that only the tunnel reaches, and a client that needs no local port.

    python examples/embed.py

In real life the two halves are two programs on two machines, and the keyring comes from a file: `load_keyring("key.yaml")`.
"""

from __future__ import annotations

import asyncio
import secrets

from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TcpAddress, TunnelSettings

ANY_PORT = TcpAddress("127.0.0.1", 0)


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server: one line in, one line out."""
    name = await reader.readline()
    writer.write(b"hello, " + name)
    writer.close()
    await writer.wait_closed()


async def main() -> None:
    keyring = Keyring((Key("example", secrets.token_bytes(32)),))
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    target = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])

    far_end = TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(target,))
    async with server, ServerProxy(far_end, keyring) as server_proxy:
        near_end = TunnelSettings(listen=(), connect=tuple(server_proxy.addresses))
        async with ClientProxy(near_end, keyring) as client_proxy:
            await client_proxy.wait_ready(10)
            reader, writer = await client_proxy.open_connection()
            writer.write(b"world\n")
            print((await reader.readline()).decode().rstrip())
            writer.close()
            await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
