"""A scripted conversation over a session: several streams, data both ways, every kind of end, and what has to come out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.engine.world import End, Received, World
from wormhole_tunnel.session.session import SessionState
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire.frames import ResetCode


class Ending(Enum):
    """How a half ends once its bytes are sent."""

    FIN = auto()
    RESET = auto()
    NONE = auto()


@dataclass(frozen=True)
class Half:
    """What one end says on one stream: pieces, one each turn, then its ending."""

    pieces: tuple[bytes, ...]
    ending: Ending = Ending.FIN

    @property
    def text(self) -> bytes:
        return b"".join(self.pieces)


@dataclass(frozen=True)
class Script:
    """One stream's two halves."""

    client: Half
    server: Half


def noise(label: str, size: int) -> bytes:
    """`size` bytes that no two labels have in common."""
    return hashlib.shake_128(label.encode()).digest(size)


def half(label: str, *sizes: int, ending: Ending = Ending.FIN) -> Half:
    return Half(tuple(noise(f"{label}{index}", size) for index, size in enumerate(sizes)), ending)


SHORT = (
    Script(half("a", 5, 40), half("A", 30, 7)),  # a question and an answer
    Script(half("b", 11, ending=Ending.NONE), half("B", 3, ending=Ending.RESET)),  # the server gives up
    Script(half("c", 9, 21, ending=Ending.RESET), half("C", 17, ending=Ending.NONE)),  # so does the client
    Script(half("d"), half("D", 1, 1, 1, 1)),  # half-closed from the beginning
)
WITH_CREDIT = (*SHORT, Script(half("e", 40_000, 40_000), half("E", 40_000, 40_000)))  # needs WINDOW, both ways


@dataclass
class _Turn:
    """How far an end is with its half."""

    half: Half
    stream: Stream
    said: int = 0
    ended: bool = False


@dataclass
class Conversation:
    """Drives both ends of a world through the scripts; links may come and go meanwhile."""

    world: World
    scripts: tuple[Script, ...]
    _client: dict[int, _Turn] = field(default_factory=dict)
    _server: dict[int, _Turn] = field(default_factory=dict)

    def advance(self) -> bool:
        """Let both ends say what they can; tells whether anybody said anything."""
        if not self.world.client.founded:
            return False
        self._open()
        said = [self._say(self.world.client, turn) for turn in self._client.values()]
        said += [self._say(self.world.server, turn) for turn in self._server.values()]
        return any(said)

    def _open(self) -> None:
        if not self._client and self.world.client.session.state is SessionState.UP:
            for script in self.scripts:
                stream = self.world.open()
                self._client[stream.id] = _Turn(script.client, stream)
        for stream in self.world.server.opened:
            self._server.setdefault(stream.id, _Turn(self.scripts[stream.id - 1].server, stream))

    def _say(self, end: End, turn: _Turn) -> bool:
        """The next piece as far as it may be sent, or the ending."""
        stream, text = turn.stream, turn.half.text
        if turn.ended or stream.id not in end.session.streams:
            return False
        limit = self._next_stop(turn)
        if turn.said < limit:
            sent = self.world.write(end, stream, text[turn.said : limit])
            turn.said += sent
            return sent > 0
        turn.ended = True
        if turn.half.ending is Ending.FIN:
            end.session.finish(stream)
        elif turn.half.ending is Ending.RESET:
            end.session.reset(stream, ResetCode.RESET)
        return turn.half.ending is not Ending.NONE

    @staticmethod
    def _next_stop(turn: _Turn) -> int:
        stop = 0
        for piece in turn.half.pieces:
            stop += len(piece)
            if turn.said < stop:
                return stop
        return stop

    def check(self) -> None:
        """Every stream's bytes came exactly once and in order, and each end is the true one."""
        assert len(self._client) == len(self._server) == len(self.scripts)
        for number, script in enumerate(self.scripts, start=1):
            self._check_half(self.world.server, number, script.client, script.server)
            self._check_half(self.world.client, number, script.server, script.client)
        assert self.world.client.error is None
        assert self.world.server.error is None
        assert not self.world.client.session.streams
        assert not self.world.server.session.streams

    @staticmethod
    def _check_half(receiver: End, number: int, said: Half, answered: Half) -> None:
        got = receiver.streams.get(number, Received())
        if answered.ending is Ending.RESET:  # who resets a stream wants nothing more from it
            assert said.text.startswith(got.data)
            assert not got.finished
            return
        assert got.data == said.text
        assert got.finished == (said.ending is Ending.FIN)
        assert got.reset == (ResetCode.RESET if said.ending is Ending.RESET else None)
