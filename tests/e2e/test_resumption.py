"""Real clients and servers while the link between the proxies breaks: they see a pause at the most, and no error."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest

from tests.support.line import A_GOOD_LINK, Line
from tests.support.proxies import make_key
from tests.support.servers import CHUNK, connect, echo
from tests.support.services import Postgres, Redis, program, run
from tests.support.waiting import wait_until

MIB = 1 << 20
GIB = 1 << 30
STREAMS = 20
PIECES = -(-2 * GIB // (STREAMS * CHUNK))  # that each stream sends
OUTAGE = 120.0  # seconds
PATIENCE = 60.0  # seconds after the outage: the pauses between dials have grown


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A cluster for all tests here."""
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Not started yet."""
    with ExitStack() as stack:
        yield Line(tmp_path, str(make_key(tmp_path)), stack)


class Psql:
    """An interactive psql."""

    def __init__(self, port: int) -> None:
        command = [program("psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-X", "-q", "-A", "-t"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )

    def ask(self, query: str) -> str:
        """One query of one line and one answer of one line."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(query + "\n")
        return self.process.stdout.readline().strip()

    def end(self) -> int:
        """Leave it; its exit code."""
        self.process.communicate("\\q\n")
        return self.process.returncode

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Outage:
    """A tunnel that carries an idle psql, and whose link leads nowhere from the beginning on."""

    def __init__(self, line: Line, psql: Psql) -> None:
        self.line = line
        self.psql = psql
        self._over = monotonic() + OUTAGE
        line.forwarder.blackhole()

    def wait(self) -> None:
        """To its end."""
        Event().wait(self._over - monotonic())
        self.line.forwarder.heal()


@pytest.fixture(scope="module", autouse=True)
def outage(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Outage]:
    """Begins before all tests of this module, so that it passes while they run."""
    folder = tmp_path_factory.mktemp("outage")
    with ExitStack() as stack:
        line = Line(folder, str(make_key(folder)), stack)
        line.both = ("--resume-timeout", "5m")
        psql = Psql(line.start(postgres.address).port)
        stack.callback(psql.kill)
        assert psql.ask("SELECT 6 * 7;") == "42"
        yield Outage(line, psql)


def send_and_compare(port: int, label: int) -> None:
    """Send all pieces to an echo server while they come back; an error or a wrong byte fails."""
    block = hashlib.shake_128(b"%d" % label).digest(CHUNK - 8)
    sent, received, returned = hashlib.sha256(), hashlib.sha256(), 0
    with connect(port) as client:
        client.settimeout(None)
        sender = Thread(target=send, args=(client, block, sent))
        sender.start()
        while data := client.recv(CHUNK):
            received.update(data)
            returned += len(data)
        sender.join()
    assert returned == PIECES * CHUNK
    assert received.digest() == sent.digest()


def send(client: socket.socket, block: bytes, digest: object) -> None:
    assert isinstance(digest, type(hashlib.sha256()))
    for number in range(PIECES):
        piece = number.to_bytes(8) + block
        digest.update(piece)
        client.sendall(piece)
    client.shutdown(socket.SHUT_WR)


@pytest.mark.timeout(900)
def test_a_hundred_cuts_while_20_streams_carry_2_gib_each_way(line: Line) -> None:
    line.start(echo, cut_every=36 * MIB, most_cuts=10_000)
    with ThreadPoolExecutor(STREAMS) as pool:
        list(pool.map(lambda label: send_and_compare(line.port, label), range(STREAMS)))
    assert line.forwarder.cuts >= 100
    assert "session lost" not in line.near.log


def test_pgbench_loses_no_transaction_through_20_cuts(line: Line, postgres: Postgres) -> None:
    line.start(postgres.address, cut_every=A_GOOD_LINK, most_cuts=10_000)
    where = ("-h", "127.0.0.1", "-p", str(line.port), "-U", "postgres")
    run("pgbench", *where, "-i", "-s", "1", "-q", "postgres")
    cuts = line.forwarder.cuts
    transactions = 0
    while line.forwarder.cuts < cuts + 20:
        output = run("pgbench", *where, "-n", "-c", "10", "-j", "2", "-t", "200", "postgres", within=120.0)
        assert "number of transactions actually processed: 2000/2000" in output
        assert "number of failed transactions: 0 " in output
        transactions += 2000
    count = run("psql", *where, "-X", "-A", "-t", "-c", "SELECT count(*) FROM pgbench_history")
    assert int(count) == transactions


def test_redis_benchmark_loses_no_request_through_20_cuts(line: Line, tmp_path: Path) -> None:
    with Redis(tmp_path) as redis:
        line.start(redis.address, cut_every=A_GOOD_LINK, most_cuts=10_000)
        asked = 0
        while line.forwarder.cuts < 20:
            command = ("redis-benchmark", "-p", str(line.port), "-c", "20", "-n", "5000", "-d", "1000")
            output = run(*command, "-q", "INCR", "requests", within=120.0)
            assert "rror" not in output
            asked += 5000
        assert run("redis-cli", "-p", str(redis.port), "GET", "requests").strip() == str(asked)


def test_a_link_that_the_kernel_kills(line: Line) -> None:
    line.start(echo)
    with connect(line.port) as client:
        for number in range(3):
            message = b"message %d" % number
            client.sendall(message)
            assert client.recv(100) == message
            run("ss", "-K", "dst", "127.0.0.1", "dport", "=", f":{line.forwarder.port}")
            wait_until(partial(has_resumed, line, number + 1), "the link to be resumed")


def has_resumed(line: Line, times: int) -> bool:
    return line.near.log.count("resumed") == times


@pytest.mark.timeout(OUTAGE + 3 * PATIENCE)
def test_an_idle_psql_answers_after_two_minutes_without_a_path(outage: Outage) -> None:
    """The client proxy has long given the link up, and dialled in vain ever since."""
    outage.wait()
    assert outage.psql.ask("SELECT 2 * 21;") == "42"
    assert outage.psql.end() == 0
    outage.line.near.wait_for("resumed")
    assert "not a byte from the peer for 45 s" in outage.line.near.log
