"""The link is cut at every byte of a conversation, both ways, twice in a row: nothing is lost, doubled or reordered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import pytest

from tests.engine.resume.conversation import SHORT, WITH_CREDIT, Conversation, Script
from tests.engine.world import End, World
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

EXACT = FramingSpec(FramingMode.EXACT, 1024)
_SMALL: Final = 1024  # bytes; in what is sent at once, up to here each byte is a place to cut
_STRIDE: Final = 997  # beyond, every so many
_TURNS: Final = 200  # far more than any conversation here takes


@dataclass
class Direction:
    """What one end has sent on the present link, and how much of it may arrive. None: all."""

    sender: End
    receiver: End
    limit: int | None = None
    carried: int = 0
    flights: list[int] = field(default_factory=list)  # where each batch ended

    def carry(self) -> bool:
        """Carry what the sender has to say; tells whether the limit was reached."""
        data = self.sender.output()
        allowed = len(data) if self.limit is None else min(len(data), self.limit - self.carried)
        if data:
            self.carried += allowed
            self.flights.append(self.carried)
        if allowed and self.receiver.link is not None:
            self.receiver.receive(data[:allowed])
        return self.carried == self.limit


def run(scripts: tuple[Script, ...], *cuts: tuple[str, int]) -> list[dict[str, list[int]]]:
    """Hold the conversation, cut once on each of the first links; returns each link's flights by direction."""
    world = World(framing=EXACT, allow_exact=True)
    talk = Conversation(world, scripts)
    flights = []
    for cut in (*cuts, None):
        world.redial()
        ways = {"to_server": Direction(world.client, world.server), "to_client": Direction(world.server, world.client)}
        if cut is not None:
            ways[cut[0]].limit = cut[1]
        hold(world, talk, ways)
        flights.append({name: way.flights for name, way in ways.items()})
    talk.check()
    return flights


def hold(world: World, talk: Conversation, ways: dict[str, Direction]) -> None:
    """Talk until nobody says anything more, or the link is cut."""
    for _ in range(_TURNS):
        said = talk.advance()
        before = sum(way.carried for way in ways.values())
        for way in ways.values():
            if way.carry():
                world.cut()
                return
        if not said and before == sum(way.carried for way in ways.values()):
            if not waits_for_acknowledgement(world):
                return
            world.pass_time(0.03)
    raise AssertionError("the conversation does not end")


def waits_for_acknowledgement(world: World) -> bool:
    deadlines = [end.session.ack_deadline for end in (world.client, world.server) if end.founded]
    return any(deadline is not None for deadline in deadlines)


def places(flights: list[int]) -> Iterator[int]:
    """Where to cut: at each byte of small batches, every now and then in large ones."""
    for start, end in pairwise([0, *flights]):
        if end - start <= _SMALL:
            yield from range(start + 1, end + 1)
        else:
            yield from range(start + 1, end, _STRIDE)
            yield from range(end - 40, end + 1)


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_cut_at_every_byte(direction: str) -> None:
    [flights] = run(SHORT)
    for place in places(flights[direction]):
        run(SHORT, (direction, place))


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_cut_with_credit_under_way(direction: str) -> None:
    [flights] = run(WITH_CREDIT)
    for place in places(flights[direction]):
        run(WITH_CREDIT, (direction, place))


@pytest.mark.parametrize("second", ["to_server", "to_client"])
@pytest.mark.parametrize("first", ["to_server", "to_client"])
def test_the_next_link_is_cut_at_every_byte_too(first: str, second: str) -> None:
    [whole] = run(SHORT)
    middle = (first, whole[first][len(whole[first]) // 2] - 1)
    flights = run(SHORT, middle)[1]
    for place in places(flights[second]):
        run(SHORT, middle, (second, place))
