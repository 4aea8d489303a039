"""wormhole with its defaults, as the commands of this environment run it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.base import Commands, Credentials, Peer, Route
from benchmarks.processes import LOOPBACK

_SCRIPTS = Path(sys.executable).parent
WORMHOLE = str(_SCRIPTS / "wormhole")
KEYGEN = str(_SCRIPTS / "wormhole-keygen")


def _build(route: Route, _credentials: Credentials, folder: Path) -> Commands:
    key = str(folder / "key.yaml")
    return Commands(
        server=[WORMHOLE, "-S", "-c", f"{LOOPBACK}:{route.link_listen}", "-s", f"{LOOPBACK}:{route.server}", "-k", key],
        client=[WORMHOLE, "-c", f"{LOOPBACK}:{route.client}", "-s", f"{LOOPBACK}:{route.link_dial}", "-k", key],
        setup=([KEYGEN, "-k", key],),
    )


PEER = Peer(
    name="wormhole",
    settings="defaults: padded framing, one process each",
    programs={WORMHOLE: "this project (pip install -e .)", KEYGEN: "this project (pip install -e .)"},
    version=[WORMHOLE, "--version"],
    descriptors=1,
    build=_build,
)
