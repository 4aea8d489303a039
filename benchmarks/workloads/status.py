"""What `--status` takes from a proxy: processor time with a page open on each proxy, less that without the option.

A proxy is one event loop, so the share of a processor that this takes is the share of throughput that is lost to it.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from benchmarks.pair import Pair, running_pair
from benchmarks.peers.base import Commands, Credentials, Peer, Route
from benchmarks.processes import LOOPBACK, free_port
from benchmarks.workloads.base import GRACE, Context, Figures, Workload

CONNECTIONS = 50
SECONDS = 5  # times the plan's seconds of a measurement: what is looked for is small


def _run(peer: Peer, context: Context) -> Figures:
    ports = (free_port(), free_port())
    seconds = SECONDS * context.plan.seconds
    with running_pair(peer, context.credentials) as pair, _connections(pair):
        without = _share(pair, seconds)
    with running_pair(_with_status(peer, ports), context.credentials) as pair, _connections(pair):
        unwatched = _share(pair, seconds)
        with contextlib.ExitStack() as pages:
            for port in ports:
                pages.enter_context(_page(port))
            watched = _share(pair, seconds)
    return {"status_alone": max(0.0, unwatched - without), "status_page": max(0.0, watched - without)}


def _share(pair: Pair, seconds: float) -> float:
    """The share of one processor that each proxy uses on average, in percent."""
    before, begin = pair.processor_seconds(), time.monotonic()
    time.sleep(seconds)
    used = pair.processor_seconds() - before
    return 100 * used / (time.monotonic() - begin) / len(pair.proxies.pids)


def _with_status(peer: Peer, ports: tuple[int, int]) -> Peer:
    def build(route: Route, credentials: Credentials, folder: Path) -> Commands:
        assert peer.build is not None
        plain = peer.build(route, credentials, folder)
        server, client = (["--status", f"{LOOPBACK}:{port}"] for port in ports)
        return replace(plain, server=[*plain.server, *server], client=[*plain.client, *client])

    return replace(peer, build=build)


@contextlib.contextmanager
def _connections(pair: Pair) -> Iterator[None]:
    """Idle connections through the pair; the server is a listener that leaves them in its queue."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(socket.create_server((LOOPBACK, pair.server_port), backlog=CONNECTIONS))
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection((LOOPBACK, pair.port), GRACE))
        yield


@contextlib.contextmanager
def _page(port: int) -> Iterator[None]:
    """Read a proxy's events, as an open page does."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=GRACE)
    connection.request("GET", "/events")
    events = connection.getresponse()
    done = Event()
    thread = Thread(target=_read, args=(events, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        connection.close()


def _read(events: http.client.HTTPResponse, done: Event) -> None:
    while not done.is_set() and events.readline():
        pass


WORKLOAD = Workload("status", "what --status takes", _run, peers=("wormhole",))
