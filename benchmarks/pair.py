"""One pair of proxies under test: started, proved by a round trip, measured, ended."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.base import Commands, Credentials, Peer, Route
from benchmarks.processes import (
    LOOPBACK,
    Processes,
    free_port,
    is_listening,
    memory_kib,
    output_of,
    processor_seconds,
    python,
    wait_until,
)

SETUP_TIMEOUT = 30.0
PROBE = b"ready?"
PROBE_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class PathSettings:
    """A path between the two proxies: bits a second each way, and the round trip in seconds."""

    rate: float
    round_trip: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A running pair. Loads connect to `port`; the backend belongs on `server_port`, free when the pair is handed over."""

    port: int
    server_port: int
    proxies: Processes

    def processor_seconds(self) -> float:
        """Return the processor time that both proxies have used so far."""
        return processor_seconds(self.proxies.pids)

    def memory_kib(self) -> int:
        """Return the memory of both proxies together, in KiB."""
        return memory_kib(self.proxies.pids)

    def check(self) -> None:
        """Raise LoadError if a proxy has ended."""
        self.proxies.check()


@contextlib.contextmanager
def running_pair(peer: Peer, credentials: Credentials, path: PathSettings | None = None) -> Iterator[Pair]:
    """Start `peer` on free ports, with `path` between its two proxies; LoadError if no round trip gets through."""
    with tempfile.TemporaryDirectory(prefix=f"benchmark-{peer.name}-") as name:
        folder = Path(name)
        with Processes(folder) as proxies, Processes(folder) as others:
            route = _choose_ports(peer, path)
            commands = _prepare(peer, route, credentials, folder)
            if commands is not None:
                proxies.start("server", commands.server)
                _wait_for_listener(proxies, route.link_listen, f"{peer.name}'s server proxy")
            if path is not None:
                others.start("path", python("path", route.link_dial, route.link_listen, path.rate, path.round_trip))
                _wait_for_listener(others, route.link_dial, "the path")
            if commands is not None:
                proxies.start("client", commands.client)
            pair = Pair(route.client, route.server, proxies)
            _prove(pair)
            yield pair


def _choose_ports(peer: Peer, path: PathSettings | None) -> Route:
    server = free_port()
    link_listen = free_port() if peer.build is not None else server
    link_dial = free_port() if path is not None else link_listen
    client = free_port() if peer.build is not None else link_dial
    return Route(client, link_dial, link_listen, server)


def _prepare(peer: Peer, route: Route, credentials: Credentials, folder: Path) -> Commands | None:
    if peer.build is None:
        return None
    commands = peer.build(route, credentials, folder)
    for command in commands.setup:
        output_of(command, SETUP_TIMEOUT)
    return commands


def _wait_for_listener(processes: Processes, port: int, what: str) -> None:
    def listens() -> bool:
        processes.check()
        return is_listening(port)

    wait_until(listens, f"{what} listens")


def _prove(pair: Pair) -> None:
    with _echo(pair.server_port):
        wait_until(lambda: _round_trip(pair), "a round trip through the pair")


def _round_trip(pair: Pair) -> bool:
    pair.check()
    try:
        with socket.create_connection((LOOPBACK, pair.port), PROBE_TIMEOUT) as probe:
            probe.sendall(PROBE)
            return probe.recv(len(PROBE)) == PROBE
    except OSError:
        return False


@contextlib.contextmanager
def _echo(port: int) -> Iterator[None]:
    """Echo on `port` for the length of the block, so that a pair can be proved before its backend is there."""
    listener = socket.create_server((LOOPBACK, port))
    thread = threading.Thread(target=_echo_until_closed, args=(listener,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _echo_until_closed(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.settimeout(PROBE_TIMEOUT)
            with connection, contextlib.suppress(OSError):
                while data := connection.recv(len(PROBE)):
                    connection.sendall(data)
