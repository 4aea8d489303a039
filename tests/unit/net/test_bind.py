from __future__ import annotations

import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from wormhole_tunnel.errors import ListenError
from wormhole_tunnel.net.addresses import TcpAddress, UnixAddress
from wormhole_tunnel.net.bind import BoundSocket, UnixPermissions, open_listening

PRIVATE = UnixPermissions()


def open_one(address: TcpAddress | UnixAddress, permissions: UnixPermissions = PRIVATE) -> BoundSocket:
    (bound,) = open_listening(address, permissions)
    return bound


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def leave_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def advice(address: TcpAddress | UnixAddress) -> str:
    with pytest.raises(ListenError) as caught:
        open_listening(address, PRIVATE)
    return str(caught.value)


def test_an_unix_socket_is_made_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    bound = open_one(UnixAddress(str(path)))
    assert answers(path)
    assert bound.socket.gettimeout() == 0
    bound.close()
    assert not path.exists()
    bound.close()


def test_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    bound = open_one(UnixAddress(str(path)), UnixPermissions(0o640, os.getuid(), os.getgid()))
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, os.getuid(), os.getgid())
    bound.close()


def test_only_the_owner_by_default(tmp_path: Path) -> None:
    bound = open_one(UnixAddress(str(tmp_path / "a")))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    bound.close()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    leave_stale(path)
    bound = open_one(UnixAddress(str(path)))
    assert answers(path)
    bound.close()


def test_a_live_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    bound = open_one(UnixAddress(str(path)))
    assert (
        advice(UnixAddress(str(path))) == f"unix:{path} is in use by another process: stop it, or choose another path"
    )
    assert answers(path)
    bound.close()


def test_a_live_socket_with_a_full_backlog_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        assert "in use" in advice(UnixAddress(str(path)))


def test_a_live_socket_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        assert "in use" in advice(UnixAddress(str(path)))


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "a"
    make(path)
    assert "no socket" in advice(UnixAddress(str(path)))
    assert path.is_symlink() or path.exists()


def test_a_missing_directory(tmp_path: Path) -> None:
    assert "its directory is missing" in advice(UnixAddress(str(tmp_path / "none" / "a")))


def test_another_socket_at_the_path_is_not_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    first = open_one(UnixAddress(str(path)))
    path.unlink()
    second = open_one(UnixAddress(str(path)))
    first.close()
    assert answers(path)
    second.close()
    assert not path.exists()


def test_the_end_is_calm_where_the_file_has_gone(tmp_path: Path) -> None:
    bound = open_one(UnixAddress(str(tmp_path / "a")))
    (tmp_path / "a").unlink()
    bound.close()


def test_the_end_is_calm_where_the_directory_has_gone(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    bound = open_one(UnixAddress(str(directory / "a")))
    shutil.rmtree(directory)
    bound.close()
    assert bound.socket.fileno() == -1


def test_of_many_that_find_a_stale_socket_one_gets_it(tmp_path: Path) -> None:
    together = threading.Barrier(6)
    won: list[BoundSocket] = []
    refused: list[ListenError] = []

    def try_each(paths: list[Path]) -> None:
        for path in paths:
            together.wait()
            try:
                won.append(open_one(UnixAddress(str(path))))
            except ListenError as error:
                refused.append(error)

    paths = [tmp_path / str(number) for number in range(50)]
    for path in paths:
        leave_stale(path)
    threads = [threading.Thread(target=try_each, args=(paths,)) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answers(path) for path in paths)
    for bound in won:
        bound.close()
    assert (len(won), len(refused)) == (len(paths), len(paths) * (together.parties - 1))


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = f"127.0.0.1:{port} is in use by another process: stop it, or choose another port"
        assert advice(TcpAddress("127.0.0.1", port)) == text


def test_an_address_of_another_machine() -> None:
    assert "the host is no address of this machine" in advice(TcpAddress("192.0.2.1", 0))


def test_an_impossible_name() -> None:
    assert "can't listen on" in advice(TcpAddress("a" * 64, 0))


def test_every_address_of_a_name_on_one_port() -> None:
    bound = open_listening(TcpAddress("localhost", 0), PRIVATE)
    assert len({each.socket.getsockname()[1] for each in bound}) == 1
    for each in bound:
        with socket.create_connection(each.socket.getsockname()[:2]):
            each.close()


def test_all_of_ipv6_takes_ipv4_as_well() -> None:
    bound = open_one(TcpAddress("::", 0))
    port = bound.socket.getsockname()[1]
    socket.create_connection(("127.0.0.1", port)).close()
    socket.create_connection(("::1", port)).close()
    bound.close()
