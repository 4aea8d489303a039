"""Where a proxy that was started with `--status` on any free port serves it."""

from __future__ import annotations

import re

from tests.support.proxies import Proxy
from wormhole_tunnel.net.addresses import Address, parse_address

ANY_PORT = ("--status", "127.0.0.1:0")


def status_of(proxy: Proxy) -> Address:
    """The address, as its log says it."""
    proxy.wait_for("status at http://")
    match = re.search(r"status at http://([\d.:]+)/", proxy.log)
    assert match, proxy.log
    return parse_address(match[1])
