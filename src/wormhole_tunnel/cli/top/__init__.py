"""`wormhole top`: what the status page shows, in a terminal, for one proxy or several.

command    the click command: once, as JSON, or live
look       one look at each proxy, and the rates between two looks
tables     how a look is shown (rich, extra `top`)
"""

from __future__ import annotations

from wormhole_tunnel.cli.top.command import command

__all__ = ["command"]
