"""haproxy in TCP mode, TLS 1.3 on the link; one thread a processor, as it ships."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.base import CIPHERSUITE, SERVER_NAME, Commands, Credentials, Peer, Route, most_connections
from benchmarks.processes import LOOPBACK

_COMMON = f"""\
global
    maxconn {{maxconn}}
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-bind-ciphersuites {CIPHERSUITE}
    ssl-default-server-options ssl-min-ver TLSv1.3
    ssl-default-server-ciphersuites {CIPHERSUITE}
defaults
    mode tcp
    maxconn {{maxconn}}
    timeout connect 10s
    timeout client 1h
    timeout server 1h
"""


def _build(route: Route, credentials: Credentials, folder: Path) -> Commands:
    common = _COMMON.format(maxconn=most_connections(2))
    server, client = folder / "server.cfg", folder / "client.cfg"
    server.write_text(
        f"{common}listen tunnel\n    bind {LOOPBACK}:{route.link_listen} ssl crt {credentials.certificate}\n"
        f"    server upstream {LOOPBACK}:{route.server}\n"
    )
    client.write_text(
        f"{common}listen tunnel\n    bind {LOOPBACK}:{route.client}\n"
        f"    server link {LOOPBACK}:{route.link_dial} ssl verify required ca-file {credentials.authority}"
        f" sni str({SERVER_NAME})\n"
    )
    return Commands(["haproxy", "-db", "-f", str(server)], ["haproxy", "-db", "-f", str(client)])


HAPROXY = Peer(
    name="haproxy",
    settings=f"mode tcp, {CIPHERSUITE}, nbthread and session reuse as shipped (a thread a processor)",
    programs={"haproxy": "haproxy"},
    version=["haproxy", "-v"],
    build=_build,
)
