"""A session whose links overlap: several at a time, each with bytes under way, in any order a network can produce."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.engine.world import End, World
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.link import Link, LinkState
from wormhole_tunnel.session.server_link import ServerLink


@dataclass
class Lane:
    """One direction of a link: batches that were sent and have not arrived."""

    sender: Link
    receiver: Link
    end: End  # the receiver's
    under_way: deque[bytes] = field(default_factory=deque)

    @property
    def deliverable(self) -> bool:
        return bool(self.under_way) and self.receiver.state is not LinkState.CLOSED

    def pull(self, now: float) -> bool:
        """Let the sender hand over what it has; tells whether that was anything."""
        batch = bytearray()
        while (data := self.sender.data_to_send(now)) is not None:
            batch += data
            self.sender.data_sent(len(data))
        if batch:
            self.under_way.append(bytes(batch))
        return bool(batch)

    def deliver(self, size: int | None = None) -> None:
        """The oldest batch arrives, or its first `size` bytes."""
        batch = self.under_way.popleft()
        if size is not None and size < len(batch):
            self.under_way.appendleft(batch[size:])
            batch = batch[:size]
        self.end.receive_on(self.receiver, batch)


class Cable:
    """A link with both its lanes."""

    def __init__(self, world: World, client: ClientLink, server: ServerLink) -> None:
        self.client = client
        self.server = server
        self.to_server = Lane(client, server, world.server)
        self.to_client = Lane(server, client, world.client)

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        return self.to_server, self.to_client


ServerLinkMaker = Callable[[World], ServerLink]


class Tangle:
    """A world with any number of cables at a time."""

    def __init__(self, world: World, make_server_link: ServerLinkMaker | None = None) -> None:
        self.world = world
        self.cables: list[Cable] = []
        self._make_server_link = make_server_link or World.new_server_link

    def dial(self) -> Cable:
        """One more link, for the session if there is one."""
        world = self.world
        client = world.new_client_link(world.client.session if world.client.founded else None)
        cable = Cable(world, client, self._make_server_link(world))
        self.cables.append(cable)
        return cable

    def pull(self) -> None:
        """Whatever a link has to say is under way at once, as with a socket that has room."""
        for cable in self.cables:
            for lane in cable.lanes:
                lane.pull(self.world.now)

    def settle(self) -> None:
        """Carry everything on every cable, oldest first, until nothing moves."""
        while True:
            self.pull()
            lanes = [lane for cable in self.cables for lane in cable.lanes if lane.deliverable]
            if not lanes:
                return
            for lane in lanes:
                while lane.deliverable:
                    lane.deliver()

    def lose(self, cable: Cable, end: End) -> None:
        """One end notices that the cable is cut."""
        end.lose(cable.client if end is self.world.client else cable.server)
