"""What the logs of two real proxies say, what they never say, and that nobody has to read them."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path

import yaml

from tests.process.conftest import MakeTunnel
from tests.support.proxies import Proxy
from tests.support.servers import Server, echo, exchange

PAYLOAD = b"attack at dawn, and bring the elephants"


def renderings(secret: bytes) -> list[str]:
    """How a secret of at least 12 bytes could stand in a log: all of it, or a good part."""
    part = secret[:12]
    return [part.decode("latin-1"), part.hex(), base64.b64encode(part).decode(), repr(part)[2:-1], part.hex(" ")]


def test_no_key_and_no_payload_even_at_trace(make_tunnel: MakeTunnel, tmp_path: Path) -> None:
    tunnel = make_tunnel(echo, "--log", "trace")
    assert exchange(tunnel.port, PAYLOAD) == PAYLOAD
    secret = base64.b64decode(yaml.safe_load((tmp_path / "key.yaml").read_text())["key"])
    for proxy in tunnel.proxies:
        proxy.wait_for("both sides finished")
        assert re.search(r"record.* number=\d+", proxy.log)
        for hidden in renderings(PAYLOAD) + renderings(secret):
            assert hidden not in proxy.log


def test_both_proxies_give_a_connection_the_same_name(make_tunnel: MakeTunnel) -> None:
    tunnel = make_tunnel(echo, "--log-format", "json")
    assert exchange(tunnel.port, PAYLOAD) == PAYLOAD
    ends = []
    for proxy in tunnel.proxies:
        proxy.wait_for(f'"bytes_sent":{len(PAYLOAD)}')
        entries = [json.loads(line) for line in proxy.log.splitlines()]
        ends += [entry for entry in entries if entry["event"] == "connection_closed" and entry["bytes_sent"]]
    near, far = ends
    assert near["connection"] == far["connection"]
    assert near["reason"] == far["reason"] == "both sides finished"
    assert near["bytes_sent"] == far["bytes_received"] == len(PAYLOAD)


def test_a_reader_that_never_reads_the_log_does_not_stop_the_proxy(tmp_path: Path, key: str) -> None:
    reading, writing = os.pipe()
    try:
        with (
            Server(echo) as server,
            Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}") as far,
            Proxy(tmp_path, "near", "-k", key, "-s", f"127.0.0.1:{far.port}", "--log", "trace", stderr=writing) as near,
        ):
            for number in range(300):
                assert exchange(near.port, b"%d" % number) == b"%d" % number
            assert os.read(reading, 1 << 20)
    finally:
        os.close(reading)
        os.close(writing)
