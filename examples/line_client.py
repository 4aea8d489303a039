"""A client of a line protocol, such as Redis's, that reaches its server through a tunnel of its own.

    python examples/line_client.py KEY_FILE SERVER_PROXY COMMAND...
    python examples/line_client.py key.yaml redis.example:26379 PING

Each command is sent as a line, and its answer's first line printed. Nothing listens on this machine.
"""

from __future__ import annotations

import asyncio
import sys

from wormhole_tunnel import ClientProxy, TunnelSettings, WormholeError, load_keyring, parse_address


async def ask(key_file: str, server_proxy: str, commands: list[str]) -> None:
    """Raises WormholeError for a bad key file or address, OSError when the server can't be reached."""
    settings = TunnelSettings(listen=(), connect=(parse_address(server_proxy),), connect_timeout=10)
    async with ClientProxy(settings, load_keyring(key_file)) as proxy:
        reader, writer = await proxy.open_connection()  # waits for the link, too
        for command in commands:
            writer.write(command.encode() + b"\r\n")
            await writer.drain()
            print((await reader.readline()).decode().rstrip())
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    _, key_file, server_proxy, *commands = sys.argv
    try:
        asyncio.run(ask(key_file, server_proxy, commands))
    except (WormholeError, OSError) as error:
        sys.exit(f"line_client: {error}")
