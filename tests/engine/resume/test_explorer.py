"""All interleavings of small conversations over links that overlap; and that the explorer finds what a fence prevents."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.engine.resume.explorer import Ending, Script, Walk, explore
from tests.engine.world import World
from wormhole_tunnel.limits import INITIAL_WINDOW
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.session.session import Session

BOTH_FINISH = Script((b"ab",), (b"xyz",))
SERVER_RESETS = Script((b"ab",), (b"xyz",), Ending.RST)
NEEDS_CREDIT = Script((bytes(INITIAL_WINDOW), b"x"), ())
SHORT = Script((b"ab",), ())


@pytest.mark.parametrize("script", [BOTH_FINISH, SERVER_RESETS, NEEDS_CREDIT], ids=["fin", "rst", "credit"])
def test_every_interleaving_over_two_links(script: Script) -> None:
    assert explore(lambda: Walk(script, 2)) > 500


def test_every_interleaving_over_three_links() -> None:
    assert explore(lambda: Walk(SHORT, 3, said_before=1)) > 300


class _UnfencedServerLink(ServerLink):
    def fence(self) -> None:
        """Go on as if no other link had come."""


class _UnfencedClientLink(ClientLink):
    def fence(self) -> None:
        """Go on as if no other link had come."""


def unfenced_server(world: World) -> ServerLink:
    return _UnfencedServerLink(world.host, world.buffers, world.now)


def unfenced_client(world: World, session: Session | None) -> ClientLink:
    link = world.new_client_link(session)
    link.__class__ = _UnfencedClientLink
    return link


@dataclass
class Unwatched(Walk):
    """Looks at what arrives, however many links are active."""

    def check_links(self) -> None:
        """Any number will do."""


@pytest.mark.alters_engine
def test_without_the_servers_fence_bytes_go_wrong() -> None:
    with pytest.raises(AssertionError, match=r"doubled|FIN of stream"):
        explore(lambda: Unwatched(BOTH_FINISH, 2, make_server=unfenced_server))


@pytest.mark.alters_engine
def test_without_the_clients_fence_bytes_go_wrong() -> None:
    with pytest.raises(AssertionError, match=r"doubled|FIN of stream|deadlock"):
        explore(lambda: Unwatched(BOTH_FINISH, 2, make_client=unfenced_client))
