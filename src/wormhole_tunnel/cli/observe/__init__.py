"""`wormhole observe`: what somebody on the path between the two proxies sees of it.

capture     a plain forwarder that notes when how much passed, and nothing else
analysis    from that to bursts, sizes, pauses and volume
chart, svg  to look at: in a terminal, in a page
workloads   typing, Redis-like requests, a download
comparison  each of them under each framing, side by side
"""

from wormhole_tunnel.cli.observe.command import command

__all__ = ["command"]
