"""Two hosts whose cable is pulled: the one comes back with another address, and what was connected still is."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from tests.support.hosts import Host, cable, ip
from tests.support.proxies import make_key
from tests.support.waiting import wait_until

WORMHOLE = "WORMHOLE_DRAIN_TIMEOUT=0 wormhole"


def write_line(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def talk(one: subprocess.Popen[str], other: subprocess.Popen[str], line: str) -> None:
    """One line there and one back."""
    write_line(one, line)
    assert read_line(other) == line
    write_line(other, line)
    assert read_line(one) == line


def test_a_host_that_moves_to_another_address(tmp_path: Path) -> None:
    make_key(tmp_path)
    with Host("laptop", tmp_path) as laptop, Host("gateway", tmp_path) as gateway, (tmp_path / "log").open("w") as log:
        _, address = cable(laptop, gateway, "192.0.2")
        device = "to" + gateway.name[-8:]
        gateway.start(f"{WORMHOLE} -S -k key.yaml -c {address}:8081 -s 127.0.0.1:8082", log)
        laptop.start(f"{WORMHOLE} -k key.yaml -c 127.0.0.1:8080 -s {address}:8081", log)
        server = gateway.start("nc -l 127.0.0.1 8082")
        for host, port in ((laptop, 8080), (gateway, 8081), (gateway, 8082)):
            wait_until(partial(host.listens, port), f"port {port}")
        client = laptop.start("nc 127.0.0.1 8080")
        talk(client, server, "from the first address")
        for last in (77, 78):
            ip("-n", laptop.name, "link", "set", device, "down")
            write_line(client, "said while the cable was out")
            ip("-n", laptop.name, "address", "flush", "dev", device)
            ip("-n", laptop.name, "address", "add", f"192.0.2.{last}/24", "dev", device)
            ip("-n", laptop.name, "link", "set", device, "up")
            assert read_line(server) == "said while the cable was out"
            talk(client, server, f"from address {last}")
            wait_until(partial(says, tmp_path / "log", f"resumed from 192.0.2.{last}"), "the link from there")


def says(log: Path, text: str) -> bool:
    return text in log.read_text()
