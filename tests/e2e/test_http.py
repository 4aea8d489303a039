"""HTTP through the tunnel: nginx under the load of wrk, and large files."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeTunnel
from tests.support.services import Nginx, run
from tests.support.tunnel import Tunnel

SIZE = 100_000_000


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """An HTTP server."""
    with Nginx(tmp_path) as server:
        yield server


@pytest.fixture
def tunnel(nginx: Nginx, make_tunnel: MakeTunnel) -> Tunnel:
    """A tunnel to it."""
    return make_tunnel(nginx.address)


def test_a_large_file(nginx: Nginx, tunnel: Tunnel) -> None:
    content = os.urandom(SIZE)
    (nginx.files / "large").write_bytes(content)
    with urllib.request.urlopen(f"http://127.0.0.1:{tunnel.port}/large") as answer:
        assert hashlib.file_digest(answer, "sha256").digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("keep_alive", [True, False], ids=["kept alive", "a connection for each request"])
def test_every_request_of_wrk_is_answered(nginx: Nginx, tunnel: Tunnel, keep_alive: bool) -> None:
    (nginx.files / "page").write_bytes(b"x" * 10_000)
    closing = () if keep_alive else ("-H", "Connection: close")
    report = run("wrk", "-t", "2", "-c", "100", "-d", "3s", *closing, f"http://127.0.0.1:{tunnel.port}/page")
    answered = re.search(r"(\d+) requests in", report)
    assert answered is not None
    assert int(answered[1]) > 0
    assert "Socket errors" not in report, report
    assert "Non-2xx" not in report, report
