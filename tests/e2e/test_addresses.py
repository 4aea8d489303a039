"""Redis by every kind of address: IPv6, names, and Unix sockets, at each of the three places where one can stand."""

from __future__ import annotations

import stat
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.conftest import MakeTunnel
from tests.support.proxies import free_port
from tests.support.services import Redis, run


def ask(*where: str) -> None:
    """Put a value in and get it out again."""
    assert run("redis-cli", *where, "SET", "place", "here") == "OK\n"
    assert run("redis-cli", *where, "GET", "place") == "here\n"


def test_ipv6_on_all_three_legs(tmp_path: Path, make_tunnel: MakeTunnel) -> None:
    with Redis(tmp_path, "::1") as redis:
        port = free_port()
        make_tunnel(redis.address, listen=f"[::1]:{port}", link=f"[::1]:{free_port()}")
        ask("-h", "::1", "-p", str(port))


def test_a_name_that_stands_for_both_families(tmp_path: Path, make_tunnel: MakeTunnel) -> None:
    with Redis(tmp_path) as redis:
        tunnel = make_tunnel(f"localhost:{redis.port}")
        ask("-p", str(tunnel.port))


def test_unix_sockets_on_all_three_legs(tmp_path: Path, make_tunnel: MakeTunnel) -> None:
    with TemporaryDirectory() as name:  # short: a Unix socket's path may have about 100 bytes
        folder = Path(name)
        with Redis(tmp_path, path=folder / "redis") as redis:
            listen = folder / "listen"
            make_tunnel(redis.address, listen=f"unix:{listen}", link=f"unix:{folder / 'link'}")
            assert stat.S_ISSOCK(listen.stat().st_mode)
            ask("-s", str(listen))
