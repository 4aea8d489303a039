"""Classes of events that can be left out of the log, whatever their level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

QUIET_CLASSES: Final = {
    "conns": frozenset({"connection_opened", "connection_closed"}),
    "conn-errors": frozenset({"client_refused", "connect_failed", "proxy_header_failed", "service_denied"}),
    "handshake-errors": frozenset({"handshake_failed", "link_denied", "link_refused"}),
    "links": frozenset(
        {
            "dial_failed",
            "link_aged",
            "link_lost",
            "link_resumed",
            "link_revived",
            "link_stalled",
            "link_up",
            "session_begun",
            "session_ended",
            "session_resumed",
        }
    ),
}


def events_of(classes: Iterable[str]) -> frozenset[str]:
    """The events of all these classes."""
    return frozenset().union(*(QUIET_CLASSES[name] for name in classes))
