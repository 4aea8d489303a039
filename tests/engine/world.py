"""Two ends of a session, a virtual clock and a wire of the test's own: nothing here knows a socket or real time.

A `World` has one server host and as many client links as a test dials. Bytes move only when the test says so (`step`,
`settle`); on their way they can be cut, delayed, split and changed. Each end echoes what happened into plain lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.engine.keys import SeededKeys
from wormhole_tunnel.crypto.aead import supported_ciphers
from wormhole_tunnel.errors import ProtocolError
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.limits import MAX_SESSIONS
from wormhole_tunnel.session import events
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.session.client_link import ClientLink
from wormhole_tunnel.session.host import HostSettings, SessionHost
from wormhole_tunnel.session.link import Link, LinkState
from wormhole_tunnel.session.server_link import ServerLink
from wormhole_tunnel.session.session import Session, SessionSettings
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.handshake import ANY_INSTANCE, ClientOffer, FramingMode, FramingSpec

PADDED = FramingSpec(FramingMode.PADDED, 1024)
UNIX_MS = 1_700_000_000_000


@dataclass
class Received:
    """What one end got on one stream."""

    data: bytearray = field(default_factory=bytearray)
    finished: bool = False
    reset: ResetCode | None = None
    accepted: bool = False


class End:
    """One end's shell: drains events, keeps what it was given."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.link: Link | None = None
        self.sent: list[tuple[float, int]] = []  # when, and how many bytes, at each output that was not empty
        self._session: Session | None = None
        self.streams: dict[int, Received] = {}
        self.opened: list[Stream] = []
        self.log: list[events.Event] = []
        self.error: ProtocolError | None = None
        self.consume = True  # whether delivered bytes are taken at once
        self.accept = True  # whether a stream that is opened is accepted at once

    @property
    def session(self) -> Session:
        """The session last brought up on a link of this end."""
        assert self._session is not None, "no session was founded yet"
        return self._session

    @property
    def founded(self) -> bool:
        """Whether a session was ever brought up here."""
        return self._session is not None

    def received(self, stream: Stream) -> Received:
        return self.streams.setdefault(stream.id, Received())

    def receive(self, data: bytes) -> None:
        """Take all of `data` and apply what it brings; an error closes the link, as a shell would."""
        assert self.link is not None
        self.receive_on(self.link, data)

    def receive_on(self, link: Link, data: bytes) -> None:
        """The same, on any link of this end."""
        view = memoryview(data)
        try:
            while view and link.state is not LinkState.CLOSED:
                view = view[link.receive_data(view, self._world.now) :]
                self.drain(link)
        except ProtocolError as error:
            self.error = error
            self.lose(link)

    def drain(self, link: Link) -> None:
        while (event := link.next_event()) is not None:
            self._apply(event)

    def _apply(self, event: events.Event) -> None:
        match event:
            case events.DataReceived(stream, data):
                self.received(stream).data += data
                if self.consume:
                    self.session.consumed(stream, len(data), self._world.now)
            case events.StreamFinished(stream):
                self.received(stream).finished = True
            case events.StreamReset(stream, code):
                self.received(stream).reset = code
            case events.StreamAccepted(stream):
                self.received(stream).accepted = True
            case events.StreamOpened(stream):
                self.opened.append(stream)
                if self.accept:
                    self.session.accept(stream)
            case events.LinkUp(session, _):
                self._session = session
                self.log.append(event)
            case _:
                self.log.append(event)

    def output(self) -> bytes:
        """Everything the link has to say now."""
        return b"".join(self.records())

    def records(self) -> list[bytes]:
        """The same, in its handshake messages or records."""
        records = []
        now = self._world.now
        while self.link is not None and (data := self.link.data_to_send(now)) is not None:
            records.append(bytes(data))
            self.link.data_sent(len(data))
        if records:
            self.sent.append((now, sum(map(len, records))))
        return records

    def lose_link(self) -> None:
        """The TCP connection is gone."""
        if self.link is not None:
            self.lose(self.link)

    def lose(self, link: Link) -> None:
        """The same, for any link of this end."""
        link.close()
        if link.session is not None and link.session.link is link:
            link.session.detach(self._world.now)
        if self.link is link:
            self.link = None


class World:
    """A server host, a client, and the wire between them."""

    def __init__(
        self,
        *,
        framing: FramingSpec = PADDED,
        settings: SessionSettings | None = None,
        server_settings: SessionSettings | None = None,
        flush_delay: float = 0.0,
        allow_exact: bool = False,
        keys: Keyring | None = None,
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        self.now = 1000.0
        self.unix_ms = UNIX_MS
        self.settings = settings or SessionSettings()
        self.framing = framing
        self.flush_delay = flush_delay
        self.buffers = Buffers()
        self.keys = SeededKeys()
        self.keyring = keys or Keyring((Key("default", bytes(range(32))),))
        host_settings = HostSettings(
            session=server_settings or self.settings,
            max_sessions=max_sessions,
            allow_exact=allow_exact,
            flush_delay=flush_delay,
        )
        self.host = SessionHost(
            self.keyring, b"i" * 16, host_settings, self.buffers, self.keys, lambda: self.unix_ms + int(self.now * 1000)
        )
        self.client = End(self)
        self.server = End(self)

    # --- links ----------------------------------------------------------------------------------------------------------

    def dial(self, session: Session | None = None, key: Key | None = None) -> None:
        """A new pair of links, not yet carried anything; the ends' former links, if any, are left to the protocol."""
        self.client.link = self.new_client_link(session, key)
        self.server.link = self.new_server_link()

    def new_server_link(self) -> ServerLink:
        """The server's end of a link that is accepted now."""
        return ServerLink(self.host, self.buffers, self.now)

    def new_client_link(self, session: Session | None = None, key: Key | None = None) -> ClientLink:
        """The client's end of a link that is dialled now."""
        instance = session.identity.instance if session is not None else ANY_INSTANCE
        offer = ClientOffer(
            self.unix_ms + int(self.now * 1000), supported_ciphers(), self.framing, self.framing, instance
        )
        framing = Framing.of(self.framing, self.flush_delay)
        return ClientLink(
            key or self.keyring.first,
            offer,
            (framing, framing),
            self.settings,
            self.buffers,
            self.keys,
            self.now,
            session,
        )

    def cut(self) -> None:
        """Both ends lose the link; whatever was under way is gone."""
        self.client.lose_link()
        self.server.lose_link()

    def redial(self) -> None:
        """What a client proxy does without a link: resume its session, or found one if it has none."""
        self.dial(self.client.session if self.client.founded else None)

    def resume(self) -> None:
        self.dial(self.client.session)

    # --- bytes ----------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Carry what both ends have to say now; tells whether that was anything."""
        to_server, to_client = self.client.output(), self.server.output()
        if to_server and self.server.link is not None:
            self.server.receive(to_server)
        if to_client and self.client.link is not None:
            self.client.receive(to_client)
        return bool(to_server or to_client)

    def settle(self) -> None:
        """Carry until nobody has anything to say."""
        while self.step():
            pass

    def pass_time(self, seconds: float) -> None:
        """Let virtual time pass, with every deadline on the way."""
        end = self.now + seconds
        while True:
            deadlines = [end.link.next_deadline() for end in (self.client, self.server) if end.link is not None]
            due = [deadline for deadline in deadlines if deadline is not None and deadline <= end]
            if not due:
                break
            self.now = max(self.now, *due[:1], min(due))
            self._handle_deadlines()
            self.settle()
        self.now = end

    def _handle_deadlines(self) -> None:
        for end in (self.client, self.server):
            if end.link is None:
                continue
            try:
                end.link.handle_deadline(self.now)
                end.drain(end.link)
            except ProtocolError as error:
                end.error = error
                end.lose_link()

    # --- streams --------------------------------------------------------------------------------------------------------

    def connect(self) -> World:
        """A session that is up at both ends."""
        self.dial()
        self.settle()
        return self

    def open(self) -> Stream:
        """A stream from the client, as the client's end knows it."""
        return self.client.session.open_stream(self.now)

    def write(self, end: End, stream: Stream, data: bytes) -> int:
        return end.session.write(stream, memoryview(data))

    def other(self, stream: Stream) -> Stream:
        """The server's side of a client's stream."""
        return self.server.session.streams[stream.id]
