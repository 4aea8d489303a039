"""The metrics as Prometheus's own tool sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.servers import Server, echo, exchange
from tests.support.status import ANY_PORT, status_of
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE
from wormhole_tunnel.cli.status_client import fetch


def test_promtool_finds_nothing_to_say(tmp_path: Path) -> None:
    with Server(echo) as server, Tunnel(tmp_path, f"127.0.0.1:{server.port}", both=ANY_PORT) as tunnel:
        assert exchange(tunnel.port, b"hello") == b"hello"
        for proxy in tunnel.proxies:
            _, metrics = fetch(status_of(proxy), "/metrics", "", DEADLINE)
            assert b"wormhole_connection_bytes_total" in metrics
            checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False)
            assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
