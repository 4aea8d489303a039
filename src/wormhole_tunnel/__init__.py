"""An encrypted TCP tunnel between a client proxy and a server proxy.

A byte of a client passes through these modules on its way to the link, and at the far end through the same ones back:

    client socket -> net.pipe -> net.pump -> session.stream -> wire.frames -> session.outbound (and session.retention)
                  -> wire.framing -> wire.records -> net.link -> link socket

Without input or output of their own; time and randomness are arguments, so that tests need no sockets:
    errors, limits   every error and its exit code; every number of the protocol and its reason
    crypto, keys     AEAD, KEM and Noise; the key file, the keyring and what is derived from a key
    wire             frames, records, framing and the handshake, as bytes
    session          what outlives a link: streams, windows, scheduling, frames kept until acknowledged
    legacy           the transport of the original wormhole, behind the interface of a session
Where sockets, clocks and the event loop begin:
    net              addresses, listeners, dialers; link (socket to session) and pipe (socket to stream)
    config, observe  settings from command line, environment and file; logs and measurements
    proxy, cli       the two proxies and their life cycle; the commands `wormhole` and `wormhole-keygen`

The names below are what an application uses (docs/python.md). Each is imported when it is first asked for, since a command
that only shows its help needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wormhole_tunnel.config.keysource import load_keyring
    from wormhole_tunnel.config.settings import Mode, TunnelSettings
    from wormhole_tunnel.errors import WormholeError
    from wormhole_tunnel.keys.keyring import Key, Keyring
    from wormhole_tunnel.net.addresses import TcpAddress, UnixAddress, parse_address
    from wormhole_tunnel.proxy.client import ClientProxy
    from wormhole_tunnel.proxy.server import ServerProxy
    from wormhole_tunnel.wire.negotiation import FramingMode

__version__ = "1.0.0.dev0"

__all__ = [
    "ClientProxy",
    "FramingMode",
    "Key",
    "Keyring",
    "Mode",
    "ServerProxy",
    "TcpAddress",
    "TunnelSettings",
    "UnixAddress",
    "WormholeError",
    "__version__",
    "load_keyring",
    "parse_address",
]

_MODULES: Final = {
    "ClientProxy": "proxy.client",
    "FramingMode": "wire.negotiation",
    "Key": "keys.keyring",
    "Keyring": "keys.keyring",
    "Mode": "config.settings",
    "ServerProxy": "proxy.server",
    "TcpAddress": "net.addresses",
    "TunnelSettings": "config.settings",
    "UnixAddress": "net.addresses",
    "WormholeError": "errors",
    "load_keyring": "config.keysource",
    "parse_address": "net.addresses",
}


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
