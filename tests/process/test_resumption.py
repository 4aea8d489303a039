"""The link between two real proxies breaks; what they carry does not."""

from __future__ import annotations

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.line import A_GOOD_LINK, Line
from tests.support.proxies import Proxy
from tests.support.servers import (
    CHUNK,
    connect,
    echo,
    exchange,
    pieces,
    receive,
    receive_all,
    reset,
)
from tests.support.waiting import DEADLINE, wait_until
from wormhole_tunnel.limits import INITIAL_WINDOW, MESSAGE1_SIZE

MIB = 1 << 20
PUSHED = 16 * MIB  # by each sender


@pytest.fixture
def line(tmp_path: Path, key: str) -> Iterator[Line]:
    """Not started yet."""
    with ExitStack() as stack:
        yield Line(tmp_path, key, stack)


def says(proxy: Proxy, text: str, times: int) -> bool:
    return proxy.log.count(text) == times


def talk(client: socket.socket, message: bytes = b"hello") -> None:
    """One exchange with an echo server."""
    client.sendall(message)
    assert receive(client, len(message)) == message


@pytest.mark.parametrize("clean", [False, True], ids=["reset", "close"])
def test_a_connection_outlives_its_link(line: Line, clean: bool) -> None:
    line.start()
    with connect(line.port) as client:
        for number in range(1, 4):
            talk(client, b"before %d" % number)
            line.forwarder.cut(clean=clean)
            talk(client, b"after %d" % number)
            wait_until(partial(says, line.near, "resumed", number), "the link to be resumed")
    for proxy, text in ((line.near, "lost:"), (line.far, "link lost"), (line.far, "resumed from")):
        wait_until(partial(says, proxy, text, 3), f"{text!r} three times")


@pytest.mark.parametrize("framing", ["padded", "buffered", "exact", "constant"])
def test_every_byte_arrives_once_through_many_cuts(line: Line, framing: str) -> None:
    constant = framing == "constant"
    line.both = ("--framing", framing)
    line.client_options = ("--rate", "3MiB", "--message-size", "16KiB") if constant else ()
    line.start(cut_every=A_GOOD_LINK, most_cuts=15)
    sent = b"".join(pieces(1, 3 * MIB if constant else 16 * MIB))
    assert exchange(line.port, sent) == sent
    assert line.forwarder.cuts >= 3
    assert "session lost" not in line.near.log


def test_both_ends_of_each_connection_are_the_true_ones(line: Line) -> None:
    """Through cuts: half-closed both ways, and reset by either side, never one taken for another."""
    line.start(last_words, cut_every=A_GOOD_LINK, most_cuts=1000)
    done = Event()
    filler = Thread(target=keep_moving, args=(line.port, done))
    filler.start()
    try:
        for _ in range(30):
            assert exchange(line.port, b"end") == b"the end"
            with connect(line.port) as client:
                client.sendall(b"reset")
                with pytest.raises(ConnectionResetError):
                    receive_all(client)
            with connect(line.port) as client:
                client.sendall(b"stay")
                assert receive(client, 6) == b"stayed"
                reset(client)
    finally:
        done.set()
        filler.join(DEADLINE)
    assert line.forwarder.cuts > 5
    line.far.wait_for("reset by the other side")


def keep_moving(port: int, done: Event) -> None:
    """Traffic, so that links are cut while something else happens."""
    filling = b"f" * MIB
    while not done.is_set():
        assert exchange(port, filling) == filling


def last_words(sock: socket.socket) -> None:
    """Reset, stay, echo, or wait for the end and say so."""
    words = receive(sock, 5) if (first := sock.recv(1, socket.MSG_PEEK)) == b"r" else b""
    if words == b"reset":
        reset(sock)
    elif first == b"f":
        echo(sock)
    elif first == b"s":
        receive(sock, 4)
        sock.sendall(b"stayed")
        receive_all(sock)
    else:
        receive_all(sock)
        sock.sendall(b"the end")


def test_clients_that_come_while_the_link_is_down_wait(line: Line) -> None:
    line.start()
    line.near.wait_for("up with key")
    target = line.forwarder
    target.blackhole()
    target.cut()
    with connect(line.port) as client:
        client.sendall(b"early")
        line.near.wait_for("resuming")
        target.heal()
        assert receive(client, 5) == b"early"


def test_a_link_that_stops_without_a_word_is_replaced_by_a_spare(line: Line) -> None:
    """Data is unacknowledged and nothing is heard: long before the link counts as dead, another takes over."""
    line.start()
    with connect(line.port) as client:
        talk(client)
        line.forwarder.blackhole()
        client.sendall(b"question")
        line.near.wait_for("dialling a spare link")
        line.forwarder.cut()
        line.forwarder.heal()
        assert receive(client, 8) == b"question"
    line.near.wait_for("resumed")


def test_a_path_that_recovers_keeps_its_link(line: Line) -> None:
    line.start()
    with connect(line.port) as client:
        talk(client)
        line.forwarder.blackhole()
        client.sendall(b"question")
        line.near.wait_for("dialling a spare link")
        line.forwarder.heal()
        assert receive(client, 8) == b"question"
        talk(client)
    assert "session lost" not in line.near.log


def test_a_path_on_which_one_record_takes_seconds(line: Line) -> None:
    line.start(rate=80_000)
    message = b"".join(pieces(3, 5 * CHUNK))
    assert exchange(line.port, message) == message
    assert "session lost" not in line.near.log


def test_a_session_whose_spare_link_came_to_nothing_expires_too(line: Line) -> None:
    """The former link was given up for the spare; when that gets no further than the handshake, there is none."""
    line.both = ("--resume-timeout", "1")
    line.start()
    with connect(line.port) as client:
        talk(client)
        line.forwarder.most_to_target = MESSAGE1_SIZE
        line.forwarder.blackhole(only_present=True)
        client.sendall(b"question")
        with pytest.raises(ConnectionResetError):
            receive_all(client)
    line.near.wait_for("no link for too long")


def test_a_server_proxy_that_was_restarted_is_a_reset_at_once(line: Line) -> None:
    line.start()
    with connect(line.port) as client, connect(line.port) as idle:
        talk(client)
        talk(idle)
        line.restart_server_proxy()
        for sock in (client, idle):
            with pytest.raises(ConnectionResetError):
                receive_all(sock)
    line.near.wait_for("does not know the session any more")
    assert exchange(line.port, b"new") == b"new"


def test_upstream_connections_of_a_dead_client_proxy_last_until_the_timeout(line: Line) -> None:
    line.both = ("--resume-timeout", "2")
    ends: list[str] = []
    line.start(lambda sock: ends.append(how_it_ends(sock)))
    with connect(line.port) as client:
        talk(client)
        line.near.end(signal.SIGKILL)
        line.far.wait_for("waiting for the client")
        assert not ends
        wait_until(lambda: ends == ["reset"], "the upstream connection to be reset")
    line.far.wait_for("did not come back in time")


def how_it_ends(sock: socket.socket) -> str:
    """Echo; tells the connection's end."""
    try:
        echo(sock)
    except ConnectionResetError:
        return "reset"
    return "clean"


def test_a_session_that_waited_too_long_resets_its_clients_and_a_new_one_follows(line: Line) -> None:
    line.both = ("--resume-timeout", "1")
    line.start()
    with connect(line.port) as client:
        talk(client)
        line.forwarder.blackhole()
        line.forwarder.cut()
        with pytest.raises(ConnectionResetError):
            receive_all(client)
    line.near.wait_for("no link for too long")
    line.forwarder.cut()
    line.forwarder.heal()
    assert exchange(line.port, b"new") == b"new"


@pytest.mark.parametrize("side", ["client", "server"])
def test_without_resumption_on_either_side_nothing_is_carried_over(line: Line, side: str) -> None:
    setattr(line, f"{side}_options", ("--resume-timeout", "0"))
    line.start()
    with connect(line.port) as client:
        talk(client)
        line.forwarder.cut()
        with pytest.raises(ConnectionResetError):
            receive_all(client)
    assert exchange(line.port, b"again") == b"again"
    assert "resumed" not in line.near.log


def test_streams_spread_over_several_links(line: Line) -> None:
    line.client_options = ("--links", "4")
    line.start()
    wait_until(lambda: line.near.log.count("up with key") == 4, "four links")
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(line.port)) for _ in range(8)]
        for client in clients:
            talk(client)
        line.forwarder.cut()
        for client in clients:
            talk(client)
    wait_until(lambda: len(connections(line.far)) >= 8, "all connections to be logged")
    sessions = Counter(name.partition("/")[0] for name in connections(line.far))
    assert list(sessions.values()) == [2, 2, 2, 2]


def connections(proxy: Proxy) -> set[str]:
    """The names of all that it has logged."""
    return {word for word in proxy.log.split() if word.startswith("connection=")}


def test_memory_is_bounded_while_the_link_is_dead_and_senders_push(line: Line) -> None:
    """What leads nowhere is kept up to the resume buffer; all else stays in the senders' own sockets."""
    line.both = ("--resume-buffer", "1MiB")
    line.start()
    message = bytes(INITIAL_WINDOW)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(line.port)) for _ in range(400)]
        for client in clients:
            talk(client)
        before = line.near.memory()
        line.forwarder.swallow()
        for client in clients:
            client.sendall(message)
        line.near.wait_for("dialling a spare link")
        assert line.near.memory() < before + 8 * MIB < before + len(clients) * len(message)
        for client in clients:
            assert receive(client, len(message)) == message
    assert "session lost" not in line.near.log


def test_senders_at_full_speed_into_a_path_that_takes_nothing(line: Line) -> None:
    line.both = ("--resume-buffer", "8MiB")
    line.start()
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(line.port)) for _ in range(4)]
        for client in clients:
            talk(client)
        before = line.near.memory()
        line.forwarder.blackhole()
        senders = [Thread(target=push, args=(client, number)) for number, client in enumerate(clients)]
        for sender in senders:
            sender.start()
        line.near.wait_for("dialling a spare link")
        assert line.near.memory() < before + 16 * MIB
        line.forwarder.cut()
        line.near.wait_for("resuming")
        assert line.near.memory() < before + 16 * MIB
        line.forwarder.heal()
        for client, sender in zip(clients, senders, strict=True):
            assert sum(map(len, iter(partial(client.recv, CHUNK), b""))) == PUSHED
            sender.join(DEADLINE)


def push(client: socket.socket, number: int) -> None:
    for piece in pieces(number, PUSHED):
        client.sendall(piece)
    client.shutdown(socket.SHUT_WR)
