"""A session whose links overlap: several at a time, each with bytes under way, in any order a network can produce."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from tests.engine.resume.raw import open_records
from tests.engine.world import End, World
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.link import Link, LinkState
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.session.session import Session
from wormhole_tunnel.wire.frames import DATA, PADDING, Ping, Pong, Resume, Resumed
from wormhole_tunnel.wire.parser import frame_end, parse_frame
from wormhole_tunnel.wire.records import RecordOpener

ClientLinkMaker = Callable[[World, Session | None], ClientLink]
ServerLinkMaker = Callable[[World], ServerLink]


@dataclass
class Lane:
    """One direction of a link: batches that were sent and have not arrived."""

    sender: Link
    receiver: Link
    end: End  # the receiver's
    under_way: deque[bytes] = field(default_factory=deque)
    labels: deque[Hashable] = field(default_factory=deque)  # what each of them says
    _opener: RecordOpener | None = None

    @property
    def deliverable(self) -> bool:
        return bool(self.under_way) and self.receiver.state is not LinkState.CLOSED

    @property
    def means_nothing(self) -> bool:
        """Whether the oldest batch has no frame but PING and PONG."""
        return self.labels[0] == ((),)

    def pull(self, now: float) -> bool:
        """Let the sender hand over what it has; tells whether that was anything."""
        batch = bytearray()
        while (data := self.sender.data_to_send(now)) is not None:
            batch += data
            self.sender.data_sent(len(data))
        if batch:
            self.under_way.append(bytes(batch))
            self.labels.append(self._label(memoryview(batch)))
        return bool(batch)

    def _label(self, batch: memoryview) -> Hashable:
        """The frames of a batch of records, but for what differs from one run to the next; empty for the handshake."""
        if self.sender.bytes_sent == len(batch):
            return ()
        if self._opener is None:
            assert self.sender.established is not None
            self._opener = RecordOpener(self.sender.established.cipher, self.sender.established.send_secret)
        return tuple(_frames(record) for record in open_records(self._opener, batch))

    def drop(self) -> None:
        """What was under way is gone."""
        self.under_way.clear()
        self.labels.clear()

    def deliver(self, size: int | None = None) -> None:
        """The oldest batch arrives, or its first `size` bytes."""
        batch = self.under_way.popleft()
        label = self.labels.popleft()
        if size is not None and size < len(batch):
            self.under_way.appendleft(batch[size:])
            self.labels.appendleft(label)
            batch = batch[:size]
        self.end.receive_on(self.receiver, batch)


def _frames(record: memoryview) -> Hashable:
    found: list[Hashable] = []
    position = 0
    while position < len(record) and record[position] != PADDING:
        if record[position] == DATA:
            start, position = position, frame_end(record, position)
            found.append(hash(bytes(record[start:position])))
            continue
        frame, position = parse_frame(record, position)
        match frame:
            case Ping() | Pong():
                continue
            case Resume() | Resumed():
                found.append((type(frame), frame.generation, frame.rx_next))
            case _:
                found.append(frame)
    return tuple(found)


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


class Tangle:
    """A world with any number of cables at a time; `make_client` and `make_server` make the ends of each."""

    def __init__(
        self,
        world: World,
        make_client: ClientLinkMaker = World.new_client_link,
        make_server: ServerLinkMaker = World.new_server_link,
    ) -> None:
        self.world = world
        self.cables: list[Cable] = []
        self._make_client = make_client
        self._make_server = make_server

    def dial(self) -> Cable:
        """One more link, for the session if there is one."""
        world = self.world
        client = self._make_client(world, world.client.session if world.client.founded else None)
        cable = Cable(world, client, self._make_server(world))
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

    def cut(self, cable: Cable) -> None:
        """Both ends lose the cable, and what was under way is gone."""
        self.world.client.lose(cable.client)
        self.world.server.lose(cable.server)
        for lane in cable.lanes:
            lane.drop()
