"""Random cuts, delays and overlaps of links: whatever a network does, each byte arrives once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.resume.conversation import WITH_CREDIT, Conversation
from tests.engine.resume.tangle import Tangle
from tests.engine.world import World
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.session.link import LinkState
from wormhole_tunnel.session.session import SessionState

MOST_LINKS = 6
MOST_TURNS = 300  # far more than any conversation here takes


class Network:
    """Does what the drawn numbers say, for as long as there are any; then it carries everything faithfully."""

    def __init__(self, choices: list[int]) -> None:
        self.world = World()
        self.tangle = Tangle(self.world)
        self.talk = Conversation(self.world, WITH_CREDIT)
        self._choices = iter(choices)

    def disturb(self) -> None:
        """One turn for each number: its last digit says what happens, the rest where."""
        for choice in self._choices:
            what, where = choice % 10, choice // 10
            if what < 6:
                self._deliver(where)
            elif what == 6:
                self._cut(where)
            elif what == 7:
                self._dial()
            elif what == 8:
                self.world.now += where % 40 / 1000
            else:
                self.talk.advance()
            self.tangle.pull()

    def _deliver(self, where: int) -> None:
        lanes = [lane for cable in self.tangle.cables for lane in cable.lanes if lane.deliverable]
        if lanes:
            lanes[where % len(lanes)].deliver(where // 7 % 3000 + 1)

    def _cut(self, where: int) -> None:
        if not self.tangle.cables:
            return
        cable = self.tangle.cables[where % len(self.tangle.cables)]
        if where % 3 != 1:
            self.world.client.lose(cable.client)
        if where % 3 != 2:
            self.world.server.lose(cable.server)

    def _dial(self, most: int = MOST_LINKS) -> None:
        """A client proxy founds one session at a time."""
        if not self.world.client.founded:
            for cable in self.tangle.cables:
                self.tangle.cut(cable)
        if len(self.tangle.cables) < most:
            self.tangle.dial()

    def calm_down(self) -> None:
        """One more link, which is left alone until all is said."""
        self.tangle.settle()
        self._dial(MOST_LINKS + 1)
        for _ in range(MOST_TURNS):
            self.tangle.settle()
            self.world.now += 0.03
            said = self.talk.advance()
            self.tangle.pull()
            if not said and not any(lane.under_way for lane in self.tangle.cables[-1].lanes):
                return
        raise AssertionError("the conversation does not end")

    def check(self) -> None:
        """Besides the conversation: a stale link may have been refused, and nothing else has gone wrong."""
        for end in (self.world.client, self.world.server):
            assert end.error is None or isinstance(end.error, HandshakeError), end.error
            end.error = None
        self.talk.check()
        assert self.world.client.session.state is self.world.server.session.state is SessionState.UP
        up = [cable for cable in self.tangle.cables if LinkState.UP in (cable.client.state, cable.server.state)]
        assert up == self.tangle.cables[-1:]


@given(st.lists(st.integers(0, 99_999), max_size=120))
def test_every_byte_once_and_in_order(choices: list[int]) -> None:
    network = Network(choices)
    network.disturb()
    network.calm_down()
    network.check()
    assert not network.world.buffers.records.in_use


@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=5))
def test_cuts_anywhere_in_bulk(gaps: list[int]) -> None:
    """Each link carries some number of bytes and is then cut, wherever that is."""
    network = Network([])
    for gap in gaps:
        carry_at_most(network, gap)
        network.tangle.cut(network.tangle.cables[-1])
    network.calm_down()
    network.check()


def carry_at_most(network: Network, size: int) -> None:
    """Talk on a new link until `size` bytes have been carried, or nothing more is said."""
    cable = network.tangle.dial()
    left = size
    idle = 0
    while left > 0 and idle < 3:
        network.talk.advance()
        network.tangle.pull()
        network.world.now += 0.01
        lanes = [lane for lane in cable.lanes if lane.deliverable]
        idle = 0 if lanes else idle + 1
        for lane in lanes:
            carried = min(left, len(lane.under_way[0]))
            if carried:
                lane.deliver(carried)
            left -= carried
