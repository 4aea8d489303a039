"""One legacy link: a TCP connection between two proxies that carries one client connection.

Each direction is a secretstream of its own under the same raw key: a header of 24 bytes, then messages of 273. Nothing
else is exchanged; there is no handshake, no end mark and no way to say why. An end between two messages may be the
peer's, or a cut: nobody can tell.

    receiving:  OPEN --EOF after the header, between messages--> ENDED
                any error, or an EOF elsewhere --> FAILED, and every later call says so
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from wormhole_tunnel.legacy.block import MAX_DATA
from wormhole_tunnel.legacy.errors import LegacyError, LegacyFailedError, LegacyTruncatedError
from wormhole_tunnel.legacy.secretstream import HEADER_SIZE, MESSAGE_SIZE, Opener, Sealer
from wormhole_tunnel.legacy.seen import SeenHeaders

MESSAGES_PER_READ: Final = 128  # more save no time, and would keep the event loop from others for longer
READ_SIZE: Final = MESSAGES_PER_READ * MAX_DATA  # bytes read from a local socket: leaves no block half empty


class _Receiving(Enum):
    OPEN = auto()
    ENDED = auto()
    FAILED = auto()


class LegacyLink:
    """Both directions of one link, without a socket.

    `key`: the 32 bytes of the key file, as they are. `header`: 24 fresh random bytes, the first to go on the wire.
    Raises ValueError if either has another size or the header was used, and WormholeError if PyNaCl is missing.
    """

    __slots__ = ("_confirmed", "_key", "_opener", "_partial", "_sealer", "_seen", "_state", "header", "peer_header")

    def __init__(self, key: bytes, seen_headers: SeenHeaders, header: bytes) -> None:
        self._sealer = Sealer(key, header)
        seen_headers.add_sent(header)
        self.header: Final = header
        self.peer_header = b""  # empty until it has arrived
        self._key = key
        self._seen = seen_headers
        self._opener: Opener | None = None
        self._confirmed = False
        self._partial = b""
        self._state = _Receiving.OPEN

    def seal(self, data: memoryview) -> bytearray:
        """`data` as the messages that carry it, to be sent in this order after the header.

        Raises LegacyFailedError once the link has failed.
        """
        self._refuse_if_failed()
        return self._sealer.seal(data)

    def receive_data(self, data: memoryview) -> bytes:
        """Take what arrived, of any size, and return the data that is whole and authenticated by now.

        Raises a LegacyError for anything else than the transport; nothing of this call is returned then.
        """
        self._refuse_if_failed()
        if self._state is _Receiving.ENDED:
            raise self._fail(LegacyError("data after the end of the stream"))
        try:
            return self._receive(memoryview(self._partial + data) if self._partial else data)
        except LegacyError as error:
            raise self._fail(error) from None

    def receive_eof(self) -> None:
        """The peer ended its direction. Raises LegacyTruncatedError if that can't be where it meant to end."""
        self._refuse_if_failed()
        if self._opener is None:
            raise self._fail(LegacyTruncatedError("the link ended before its header was complete"))
        if self._partial:
            raise self._fail(LegacyTruncatedError("the link ended inside a message"))
        self._state = _Receiving.ENDED

    def _receive(self, data: memoryview) -> bytes:
        opener = self._opener
        if opener is None:
            if len(data) < HEADER_SIZE:
                self._partial = bytes(data)
                return b""
            opener = self._receive_header(bytes(data[:HEADER_SIZE]))
            data = data[HEADER_SIZE:]
        whole = len(data) - len(data) % MESSAGE_SIZE
        self._partial = bytes(data[whole:])
        return self._open(opener, data[:whole]) if whole else b""

    def _receive_header(self, header: bytes) -> Opener:
        self._seen.check(header)
        self.peer_header = header
        self._opener = Opener(self._key, header)
        return self._opener

    def _open(self, opener: Opener, messages: memoryview) -> bytes:
        data = opener.open(messages)
        if not self._confirmed:
            # Only now: a header alone proves nothing, and a flood of invented ones must not push real ones out.
            self._seen.add_received(self.peer_header)
            self._confirmed = True
        return data

    def _refuse_if_failed(self) -> None:
        if self._state is _Receiving.FAILED:
            raise LegacyFailedError("the link has failed before")

    def _fail(self, error: LegacyError) -> LegacyError:
        self._state = _Receiving.FAILED
        self._opener = None
        self._partial = b""
        return error
