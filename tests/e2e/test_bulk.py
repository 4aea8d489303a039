"""A gibibyte each way over fifty connections at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.bulk import transfer, with_echo
from tests.support.servers import CHUNK
from tests.support.tunnel import Tunnel

CONNECTIONS = 50
TOTAL = 1 << 30  # bytes each way
SIZE_EACH = -(-TOTAL // (CONNECTIONS * CHUNK)) * CHUNK


def test_a_gibibyte_each_way_arrives_as_it_was_sent(tmp_path: Path) -> None:
    async def all_at_once(tunnel: Tunnel) -> list[bool]:
        return await asyncio.gather(*(transfer(tunnel.port, seed, SIZE_EACH) for seed in range(CONNECTIONS)))

    assert all(with_echo(tmp_path, all_at_once))
