"""Headers that were used, so that a recorded stream can't be fed to this process again.

Both directions use the same raw key, so a stream that *we* sent would verify if it came back to us: on its own
connection (reflection) or on another one. Hence our own headers count as well. Bounded and forgetful: a replay older
than the last `limit` streams, or from before a restart, passes (docs/legacy.md).
"""

from __future__ import annotations

from typing import Final

from wormhole_tunnel.legacy.errors import LegacyHeaderError

SEEN_HEADERS: Final = 65_536  # of each kind; about 10 MB when full


class SeenHeaders:
    """The last `limit` headers sent, and the last `limit` received with a message that verified.

    One for all links of a process that share a key. The two kinds are kept apart: anyone who connects makes us send a
    header, and so could push the received ones out.
    """

    __slots__ = ("_limit", "_received", "_sent")

    def __init__(self, limit: int = SEEN_HEADERS) -> None:
        self._limit = limit
        self._sent: dict[bytes, None] = {}
        self._received: dict[bytes, None] = {}

    def add_sent(self, header: bytes) -> None:
        """Note a header of ours. Raises ValueError if it is not fresh: a repeated one would repeat the keystream."""
        if header in self._sent:
            raise ValueError("the header of a legacy stream must be fresh random bytes")
        self._add(self._sent, header)

    def add_received(self, header: bytes) -> None:
        """Note a header whose first message has verified. Raises LegacyHeaderError if it is known."""
        self.check(header)
        self._add(self._received, header)

    def check(self, header: bytes) -> None:
        """Raise LegacyHeaderError if the header is known; a replay makes it young again."""
        for kind, text in ((self._sent, "one that this proxy sent"), (self._received, "that of an earlier stream")):
            if header in kind:
                self._add(kind, header)
                raise LegacyHeaderError(f"the header is {text}: someone replays recorded traffic")

    def _add(self, kind: dict[bytes, None], header: bytes) -> None:
        kind.pop(header, None)
        kind[header] = None  # a dict keeps the order of insertion: the oldest stands first
        if len(kind) > self._limit:
            del kind[next(iter(kind))]
