"""A client of a server proxy that holds a key, over a real socket, and says what a test wants it to.

The handshake is real; after it the test seals its own frames. Every wait has the tests' deadline.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.engine.hostile import data_frame
from tests.support.servers import receive
from tests.support.waiting import DEADLINE
from wormhole_tunnel.crypto.aead import supported_ciphers
from wormhole_tunnel.keys.keyring import Key
from wormhole_tunnel.limits import INITIAL_WINDOW, MESSAGE2_SIZE, SEALED_LENGTH_SIZE, TAG_SIZE
from wormhole_tunnel.net.clock import unix_ms
from wormhole_tunnel.net.ephemerals import SystemKeyGenerator
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import Frame
from wormhole_tunnel.wire.handshake import ClientHandshake, ClientOffer, FramingMode, FramingSpec
from wormhole_tunnel.wire.parser import parse_data, parse_frame
from wormhole_tunnel.wire.records import RecordOpener, RecordSealer

_FRAMING = FramingSpec(FramingMode.PADDED, 64)
_HELLO = frames.pack_hello(frames.Hello(0, 0, INITIAL_WINDOW, 65_536))


class Member:
    """Connects to `port` of 127.0.0.1, from `source` if that is another address of this machine."""

    def __init__(self, port: int, key: Key, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE, (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        offer = ClientOffer(unix_ms(), supported_ciphers(), _FRAMING, _FRAMING)
        self._handshake = ClientHandshake(key, offer, SystemKeyGenerator())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def begin(self) -> None:
        """Say the first message, and no more."""
        self._socket.sendall(self._handshake.message1)

    def enter(self) -> None:
        """The whole handshake, and a session. Raises ConnectionError when the server does not want it."""
        self.begin()
        message2 = receive(self._socket, MESSAGE2_SIZE)
        if len(message2) < MESSAGE2_SIZE:
            raise ConnectionResetError("no answer")
        established = self._handshake.read_message2(message2)
        self._sealer = RecordSealer(established.cipher, established.send_secret)
        self._opener = RecordOpener(established.cipher, established.receive_secret)
        self.say(_HELLO)

    def say(self, *hand_made: bytes) -> None:
        """One record of these frames."""
        self._socket.sendall(self._sealer.seal(memoryview(b"".join(hand_made))))

    def hear(self) -> list[Frame | bytes]:
        """The frames of the next record; of DATA, its payload."""
        length = self._opener.open_length(memoryview(self._receive(SEALED_LENGTH_SIZE)))
        record = memoryview(self._opener.open_payload(memoryview(self._receive(length + TAG_SIZE))))
        heard: list[Frame | bytes] = []
        position = 0
        while position < len(record) and record[position] != frames.PADDING:
            if record[position] == frames.DATA:
                _, start, position = parse_data(record, position)
                heard.append(bytes(record[start:position]))
            else:
                frame, position = parse_frame(record, position)
                heard.append(frame)
        return heard

    def _receive(self, size: int) -> bytes:
        data = receive(self._socket, size)
        if len(data) < size:
            raise ConnectionResetError("the server proxy ended the link")
        return data

    def hear_end(self) -> None:
        """Wait until the server proxy ends the link."""
        with suppress(ConnectionError):
            while True:
                self.hear()

    def hear_reset(self, stream: int) -> frames.Rst:
        """Wait until a stream is reset."""
        while True:
            for frame in self.hear():
                if isinstance(frame, frames.Rst) and frame.stream == stream:
                    return frame

    def echo(self, stream: int) -> None:
        """Open a stream to an echo server and hear what was said, or AssertionError."""
        message = os.urandom(16)
        self.say(frames.pack_open(stream, "", None), data_frame(stream, message))
        while True:
            heard = self.hear()
            if message in heard:
                return
            resets = [frame for frame in heard if isinstance(frame, frames.Rst) and frame.stream == stream]
            assert not resets, resets


def time_to_enter(port: int, key: Key) -> float:
    """Seconds until a member has entered, tried again whenever it is turned away, and is connected to the server."""
    begun = time.monotonic()
    while True:
        try:
            with Member(port, key) as member:
                member.enter()
                member.say(frames.pack_open(1, "", None))
                while frames.Opened(1) not in member.hear():
                    pass
                return time.monotonic() - begun
        except ConnectionError:
            assert time.monotonic() < begun + DEADLINE
