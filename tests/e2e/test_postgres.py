"""PostgreSQL through the tunnel: psql, pgbench, cancelled queries, and COPY of 100 MB each way."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.conftest import MakeTunnel
from tests.support.services import Postgres, program, run
from tests.support.tunnel import Tunnel
from tests.support.waiting import DEADLINE, wait_until

ROWS = 1_000_000
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(600)'"
ROW = 100  # bytes, with the line's end


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A cluster for all tests here: making one takes seconds."""
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def tunnel(postgres: Postgres, make_tunnel: MakeTunnel) -> Tunnel:
    """A tunnel to it."""
    return make_tunnel(postgres.address)


def at(host: object, port: int) -> tuple[str, ...]:
    """Options that say where the server is, for all of PostgreSQL's programs."""
    return ("-h", str(host), "-p", str(port), "-U", "postgres")


def query(tunnel: Tunnel, statement: str) -> str:
    """What psql prints for a statement."""
    return run("psql", *at("127.0.0.1", tunnel.port), "-X", "-A", "-t", "-c", statement).strip()


def test_copy_of_100_megabytes_each_way(tunnel: Tunnel, tmp_path: Path) -> None:
    line = "lpad(n::text, 8, '0') || repeat(chr(97 + n % 26), 91)"
    original, returned = tmp_path / "original", tmp_path / "returned"
    query(tunnel, f"CREATE UNLOGGED TABLE lines AS SELECT {line} AS line FROM generate_series(1, {ROWS}) n")
    query(tunnel, f"\\copy (SELECT line FROM lines ORDER BY line) TO '{original}'")
    assert original.stat().st_size == ROWS * ROW
    query(tunnel, "CREATE UNLOGGED TABLE again (line text)")
    query(tunnel, f"\\copy again FROM '{original}'")
    query(tunnel, f"\\copy (SELECT line FROM again ORDER BY line) TO '{returned}'")
    wanted = hashlib.md5(b"".join(b"%08d%s\n" % (n, b"%c" % (97 + n % 26) * 91) for n in range(1, ROWS + 1)))
    for copy in (original, returned):
        with copy.open("rb") as file:
            assert hashlib.file_digest(file, "md5").digest() == wanted.digest()
    assert query(tunnel, "SELECT md5(string_agg(line || chr(10), '' ORDER BY line)) FROM again") == wanted.hexdigest()


def test_pgbench_loses_no_transaction(tunnel: Tunnel) -> None:
    where = at("127.0.0.1", tunnel.port)
    run("pgbench", *where, "-i", "-s", "1", "-q", "postgres")
    output = run("pgbench", *where, "-c", "10", "-j", "2", "-t", "200", "postgres")
    assert "number of transactions actually processed: 2000/2000" in output
    assert "number of failed transactions: 0 " in output
    assert query(tunnel, "SELECT count(*) FROM pgbench_history") == "2000"


def test_a_connection_for_each_transaction(tunnel: Tunnel, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("SELECT 1;")
    where = at("127.0.0.1", tunnel.port)
    output = run("pgbench", *where, "-n", "-C", "-c", "5", "-t", "40", "-f", script, "postgres")
    assert "number of transactions actually processed: 200/200" in output


def test_a_query_is_cancelled_over_a_second_connection(tunnel: Tunnel) -> None:
    """psql answers SIGINT by a connection of its own that says which query to stop."""
    command = [
        program("psql"),
        *at("127.0.0.1", tunnel.port),
        "-X",
        "-c",
        "SELECT 'begun'",
        "-c",
        "SELECT pg_sleep(600)",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as psql:
        assert psql.stdout is not None
        assert any("begun" in line for line in psql.stdout)
        wait_until(lambda: query(tunnel, SLEEPING) == "1", "the query to run")
        psql.send_signal(signal.SIGINT)
        _, complaints = psql.communicate(timeout=DEADLINE)
    assert "canceling statement due to user request" in complaints


def test_the_servers_own_unix_socket_on_both_sides(postgres: Postgres, make_tunnel: MakeTunnel) -> None:
    """PostgreSQL's programs find a Unix socket by its folder and its name, which has the port in it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        there = postgres.socket_folder / f".s.PGSQL.{postgres.port}"
        make_tunnel(f"unix:{there}", listen=f"unix:{folder / '.s.PGSQL.5432'}", link=f"unix:{folder / 'link'}")
        assert run("psql", *at(folder, 5432), "-X", "-A", "-t", "-c", "SELECT 6 * 7") == "42\n"
