"""`wormhole check`: what works between this host and a server proxy, and what does not.

command    the click command
outcome    what can be found, with exit codes and advice
probe      one server proxy, step by step: name, connection, handshake, session, the server behind it
identify   who answers that is no server proxy
ready      the other use: whether a proxy on this host is ready, by its --status
"""

from __future__ import annotations

from wormhole_tunnel.cli.check.command import command

__all__ = ["command"]
