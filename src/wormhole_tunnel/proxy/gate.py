"""Between accept and the first verified record: the links that have proved nothing yet.

Whoever fails before showing a valid tag gets no byte and no telling end: what it sends is thrown away up to a bound, and
the socket is reset when the handshake's deadline comes. The same holds for one that sends too little. Pools bound how many
such links there are, in all and from one source; a flood displaces only its like.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket

from wormhole_tunnel import limits
from wormhole_tunnel.net import clock
from wormhole_tunnel.net.addresses import SourceAddress
from wormhole_tunnel.net.link import LinkDriver
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.session.admission import ProbePool, TaggedPool

_log = get_logger("wormhole.handshake")
_DISCARD_AT_ONCE = 4096


class Discard:
    """A socket whose peer failed to show a key: read and thrown away, reset at the deadline or when the peer ends it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, gate: Gate, sock: socket.socket, deadline: float) -> None:
        self._loop = loop
        self._gate = gate
        self._socket = sock
        self._left = limits.PROBE_DISCARD_LIMIT
        self._timer = loop.call_later(max(0.0, deadline - clock.now()), self.close)
        loop.add_reader(sock, self._on_readable)

    def _on_readable(self) -> None:
        try:
            length = len(self._socket.recv(_DISCARD_AT_ONCE))
        except BlockingIOError:
            return
        except OSError:
            length = 0
        self._left -= length
        if length == 0:
            self.close()
        elif self._left <= 0:
            self._loop.remove_reader(self._socket)

    def close(self) -> None:
        """Reset the socket. Idempotent."""
        self._gate.forget(self)
        self._timer.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            reset_on_close(self._socket)
            self._socket.close()


class Gate:
    """Counts unproved links and evicts some when there are too many."""

    def __init__(self, loop: asyncio.AbstractEventLoop, generator: random.Random) -> None:
        self._loop = loop
        self._probes: ProbePool[LinkDriver | Discard] = ProbePool(generator)
        self._tagged: TaggedPool[LinkDriver] = TaggedPool(generator)
        self._sources: dict[LinkDriver | Discard, SourceAddress] = {}
        self._deadlines: dict[LinkDriver, float] = {}
        self.failures = 0

    def enter(self, driver: LinkDriver, source: SourceAddress) -> None:
        """A link was accepted and has shown nothing."""
        self._deadlines[driver] = clock.now() + limits.HANDSHAKE_TIMEOUT
        self._admit(driver, source)

    def _admit(self, link: LinkDriver | Discard, source: SourceAddress) -> None:
        self._sources[link] = source
        evicted = self._probes.add(link, source.network)
        if evicted is not None:
            self._reset(evicted)

    def tagged(self, driver: LinkDriver) -> None:
        """The link has shown a valid tag: it leaves the pool in which anybody could be."""
        self._probes.remove(driver)
        evicted = self._tagged.add(driver)
        if evicted is not None:
            self._reset(evicted)

    def _reset(self, link: LinkDriver | Discard) -> None:
        if isinstance(link, LinkDriver):
            link.close(reset=True)
        else:
            link.close()
        self.forget(link)

    def forget(self, link: LinkDriver | Discard) -> None:
        """The link ended, or is confirmed."""
        self._sources.pop(link, None)
        self._probes.remove(link)
        if isinstance(link, LinkDriver):
            self._deadlines.pop(link, None)
            self._tagged.remove(link)

    def fail(self, driver: LinkDriver, reason: str) -> None:
        """A link without a valid tag: say nothing, and let it run into the deadline."""
        source = self._sources.get(driver, SourceAddress())
        deadline = self._deadlines.get(driver, clock.now())
        self.forget(driver)
        self.failures += 1
        log_event(
            _log, logging.WARNING, "handshake_failed", f"{source}: {reason}; it gets no answer", source=str(source)
        )
        self._admit(Discard(self._loop, self, driver.release(), deadline), source)

    def close(self) -> None:
        """Reset them all."""
        for link in list(self._sources):
            self._reset(link)
