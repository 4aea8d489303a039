"""A bounded explorer: drives the real engine through all interleavings of a small conversation over a few links.

The engine can't be copied, so a path is walked anew from its beginning; states that were seen are not entered again. What
is said, what arrives, which end notices a cut and when the next link is dialled happen in any order. A handshake is one
step: it changes nothing of a session but at its end. The last link is never cut, so every path has to come to the end of
the conversation: one that stops before it is a deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from tests.engine.resume.tangle import Cable, ClientLinkMaker, Lane, ServerLinkMaker, Tangle
from tests.engine.world import End, World
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.session.link import Link, LinkState
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, FramingSpec

_ACK_TIME = 0.03  # seconds; whoever says something after that acknowledges what came before
_EXACT = FramingSpec(FramingMode.EXACT, 1024)


class Ending(Enum):
    """An end's last word."""

    FIN = auto()
    RST = auto()


@dataclass(frozen=True)
class Script:
    """What both ends say on the one stream, piece by piece; `server_ending` tells how the server ends it."""

    client: tuple[bytes, ...]
    server: tuple[bytes, ...]
    server_ending: Ending = Ending.FIN


class Side(Enum):
    """An end of the session."""

    CLIENT = auto()
    SERVER = auto()


class Say(NamedTuple):
    """An end says the next thing of its script."""

    side: Side


class Deliver(NamedTuple):
    """The oldest bytes under way to one end of a link arrive."""

    link: int
    side: Side


class Cut(NamedTuple):
    """Both ends notice that the newest link is gone, and what was under way with it."""


class Dial(NamedTuple):
    """The client dials the next link; its RESUME is under way."""


Action = Say | Deliver | Cut | Dial


@dataclass
class Walk:
    """One path through the conversation, and what holds at each of its steps."""

    script: Script
    links: int  # at most
    said_before: int = 0  # how much the server has said when the paths part
    make_client: ClientLinkMaker = World.new_client_link
    make_server: ServerLinkMaker = World.new_server_link

    def __post_init__(self) -> None:
        self.said = dict.fromkeys(Side, 0)
        self.world = World(framing=_EXACT, allow_exact=True)
        self.tangle = Tangle(self.world, self.make_client, self.make_server)
        self.tangle.dial()
        self.tangle.settle()
        self.stream = self.world.open()
        self.tangle.settle()
        for _ in range(self.said_before):
            self._say(Side.SERVER)
        self.tangle.settle()

    # --- what can happen ------------------------------------------------------------------------------------------------

    def end(self, side: Side) -> End:
        return self.world.client if side is Side.CLIENT else self.world.server

    def actions(self) -> list[Action]:
        """Everything that can happen now."""
        found: list[Action] = [Say(side) for side in Side if self._can_say(side)]
        for number, cable in enumerate(self.tangle.cables):
            found += [Deliver(number, side) for side in Side if self._lane(cable, side).deliverable]
        if len(self.tangle.cables) < self.links:
            found.append(Dial())
            if self.tangle.cables[-1].client.state is not LinkState.CLOSED:
                found.append(Cut())
        return found

    @staticmethod
    def _lane(cable: Cable, to: Side) -> Lane:
        return cable.to_client if to is Side.CLIENT else cable.to_server

    @staticmethod
    def _link(cable: Cable, side: Side) -> Link:
        return cable.client if side is Side.CLIENT else cable.server

    def _half(self, side: Side) -> tuple[bytes, ...]:
        return self.script.client if side is Side.CLIENT else self.script.server

    def _stream(self, side: Side) -> Stream | None:
        return self.end(side).session.streams.get(self.stream.id)

    def _can_say(self, side: Side) -> bool:
        stream, pieces, said = self._stream(side), self._half(side), self.said[side]
        if stream is None or said > len(pieces):
            return False
        if said == len(pieces):
            return True
        session = self.end(side).session
        return session.link is not None and stream.credit >= len(pieces[said])

    # --- making it happen -----------------------------------------------------------------------------------------------

    def take(self, action: Action) -> None:
        """Let it happen, and check what always has to hold. Raises AssertionError."""
        match action:
            case Say(side):
                self.world.now += _ACK_TIME
                self._say(side)
            case Deliver(link, side):
                self._lane(self.tangle.cables[link], side).deliver()
            case Cut():
                self.tangle.cut(self.tangle.cables[-1])
            case Dial():
                self._dial()
        self._pull()
        self._check()

    def _pull(self) -> None:
        """Send what can be sent; PING and PONG alone mean nothing to a session, so they arrive at once."""
        self.tangle.pull()
        idle = [lane for cable in self.tangle.cables for lane in cable.lanes if lane.deliverable and lane.means_nothing]
        for lane in idle:
            lane.deliver()
        if idle:
            self._pull()

    def _say(self, side: Side) -> None:
        end, stream, pieces, said = self.end(side), self._stream(side), self._half(side), self.said[side]
        assert stream is not None
        self.said[side] += 1
        if said < len(pieces):
            assert self.world.write(end, stream, pieces[said]) == len(pieces[said])
        elif side is Side.SERVER and self.script.server_ending is Ending.RST:
            end.session.reset(stream, ResetCode.REFUSED)
        else:
            end.session.finish(stream)

    def _dial(self) -> None:
        cable = self.tangle.dial()
        for lane in cable.lanes:
            lane.pull(self.world.now)
            lane.deliver()
            self.tangle.pull()

    # --- what has to hold -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        for side in Side:
            error = self.end(side).error
            assert error is None or isinstance(error, HandshakeError), error
        self._check_received(Side.CLIENT, Side.SERVER)
        self._check_received(Side.SERVER, Side.CLIENT)
        self.check_links()

    def check_links(self) -> None:
        """Each end's session runs on one link at the most."""
        for side in Side:
            up = [cable for cable in self.tangle.cables if self._link(cable, side).state is LinkState.UP]
            assert len(up) <= 1, "two links are active"

    def _check_received(self, side: Side, sender: Side) -> None:
        got = self.end(side).streams.get(self.stream.id)
        text = b"".join(self._half(sender))
        if got is not None:
            assert text.startswith(got.data), "bytes were lost, doubled or reordered"
            assert not got.finished or got.data == text, "an end came before the last byte"
            assert got.reset is None or got.data == text, "a reset overtook what was said before it"

    def check_end(self) -> None:
        """Nothing can happen any more: everything has to have been said and have arrived."""
        reset = self.script.server_ending is Ending.RST
        client, server = (self.end(side).received(self.stream) for side in Side)
        assert client.data == b"".join(self.script.server)
        assert client.finished != reset
        assert client.reset == (ResetCode.REFUSED if reset else None)
        assert reset or (server.data == b"".join(self.script.client) and server.finished), (
            "not all was said: a deadlock"
        )
        assert not self.world.client.session.streams
        assert not self.world.server.session.streams

    def state(self) -> Hashable:
        """What tells this moment from another, as far as the future goes."""
        sessions = tuple(self._session_state(side) for side in Side)
        cables = tuple(
            (cable.client.state, cable.server.state, *(tuple(lane.labels) for lane in cable.lanes))
            for cable in self.tangle.cables
        )
        return tuple(self.said.values()), sessions, cables

    def _session_state(self, side: Side) -> Hashable:
        end = self.end(side)
        session, got = end.session, end.received(self.stream)
        stream, sent = self._stream(side), session.outbound
        return (
            (session.state, session.generation, session.rx_next, session.ack_deadline is None),
            (sent.next_number, sent.pending, sent.retention.acknowledged, len(sent.retention)),
            stream
            and (stream.credit, stream.received, stream.receive_limit, stream.send_finished, stream.receive_finished),
            (len(got.data), got.finished, got.reset),
        )


def explore(make_walk: Callable[[], Walk]) -> int:
    """Walk every path; returns how many states there are. Raises AssertionError where something does not hold."""
    seen: set[Hashable] = set()
    branches: list[tuple[Action, ...]] = [()]
    while branches:
        path = branches.pop()
        walk = make_walk()
        for action in path:
            walk.take(action)
        while (state := walk.state()) not in seen:
            seen.add(state)
            actions = walk.actions()
            if not actions:
                walk.check_end()
                break
            branches += [(*path, action) for action in actions[1:]]
            path = (*path, actions[0])
            walk.take(actions[0])
    return len(seen)
