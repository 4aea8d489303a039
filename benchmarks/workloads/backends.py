"""The servers behind the tunnel, each started for one measurement on the port that the pair connects to."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.pair import Pair
from benchmarks.peers.nginx import command as nginx_command
from benchmarks.peers.nginx import common as nginx_common
from benchmarks.processes import LOOPBACK, Processes, is_listening, wait_until

REDIS = {"redis-server": "redis-server", "redis-benchmark": "redis-tools"}
IPERF3 = {"iperf3": "iperf3"}
WRK = {"wrk": "wrk", "nginx": "nginx"}


@contextlib.contextmanager
def backend(pair: Pair, name: str, command: Sequence[str]) -> Iterator[None]:
    """Run `command` as the server behind `pair`, ready when the block begins."""
    with tempfile.TemporaryDirectory(prefix="benchmark-backend-") as folder, Processes(Path(folder)) as processes:
        processes.start(name, command)

        def ready() -> bool:
            processes.check()
            return is_listening(pair.server_port)

        wait_until(ready, f"{name} listens")
        yield
        pair.check()


def iperf3_server(port: int) -> list[str]:
    """Return the command of an iperf3 server."""
    return ["iperf3", "-s", "-B", LOOPBACK, "-p", str(port)]


def redis_server(port: int) -> list[str]:
    """Return the command of a Redis that keeps nothing."""
    nothing_kept = ["--save", "", "--appendonly", "no", "--dir", tempfile.gettempdir()]
    return ["redis-server", "--bind", LOOPBACK, "--port", str(port), *nothing_kept]


@contextlib.contextmanager
def web_server(port: int) -> Iterator[list[str]]:
    """Give the command of an nginx that answers two bytes to everything and keeps no connection."""
    with tempfile.TemporaryDirectory(prefix="benchmark-web-") as name:
        folder = Path(name)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"    {kind}_temp_path {folder / kind};\n" for kind in kinds)
        config = folder / "web.conf"
        config.write_text(
            f"{nginx_common(folder, 'web', '1')}http {{\n    access_log off;\n    keepalive_timeout 0;\n{paths}"
            f"    server {{ listen {LOOPBACK}:{port} backlog=4096; location / {{ return 200 ok; }} }}\n}}\n"
        )
        yield nginx_command(config)
