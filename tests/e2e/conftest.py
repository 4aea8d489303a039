"""Tunnels to real servers, each test with a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.tunnel import Tunnel


class MakeTunnel(Protocol):
    """A function that starts a tunnel to a server; it ends with the test."""

    def __call__(
        self, target: str, *, listen: str | None = None, link: str | None = None, both: tuple[str, ...] = ()
    ) -> Tunnel: ...


@pytest.fixture
def make_tunnel(tmp_path: Path) -> Iterator[MakeTunnel]:
    """Makes one tunnel; see `Tunnel`."""
    with ExitStack() as stack:

        def make(
            target: str, *, listen: str | None = None, link: str | None = None, both: tuple[str, ...] = ()
        ) -> Tunnel:
            return stack.enter_context(Tunnel(tmp_path, target, listen=listen, link=link, both=both))

        yield make
