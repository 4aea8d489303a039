"""stunnel: a thread a connection, TLS 1.3 on both links."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.base import CIPHERSUITE, Commands, Credentials, Peer, Route
from benchmarks.processes import LOOPBACK

_COMMON = f"""\
foreground = yes
pid =
syslog = no
debug = err
socket = a:SO_REUSEADDR=1
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
sslVersionMin = TLSv1.3
ciphersuites = {CIPHERSUITE}
"""


def _build(route: Route, credentials: Credentials, folder: Path) -> Commands:
    server, client = folder / "server.conf", folder / "client.conf"
    server.write_text(
        f"{_COMMON}[tunnel]\naccept = {LOOPBACK}:{route.link_listen}\nconnect = {LOOPBACK}:{route.server}\n"
        f"cert = {credentials.certificate}\n"
    )
    client.write_text(
        f"{_COMMON}[tunnel]\nclient = yes\naccept = {LOOPBACK}:{route.client}\nconnect = {LOOPBACK}:{route.link_dial}\n"
        f"CAfile = {credentials.authority}\nverifyChain = yes\n"
    )
    return Commands(["stunnel", str(server)], ["stunnel", str(client)])


STUNNEL = Peer(
    name="stunnel",
    settings=f"{CIPHERSUITE}, a thread a connection, session cache as shipped, TCP_NODELAY",
    programs={"stunnel": "stunnel4"},
    version=["stunnel", "-version"],
    build=_build,
)
