"""`wormhole demo`: the main job on one machine, shown as it happens.

command    the click command: start everything, run the scenes, leave nothing behind
scenes     what is shown, in order
machinery  the key, the proxies as processes of their own, and the server
wire       the path between the proxies: watched, and cut
traffic    what clients do
display    how it looks, on a terminal and into a pipe
"""

from __future__ import annotations

from wormhole_tunnel.cli.demo.command import command

__all__ = ["command"]
