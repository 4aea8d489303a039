"""Key files are private from the first moment, whole or not there, and never written through a link."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wormhole_tunnel.config.keystore import create_key_file, replace_key_file, rewrite_key_file
from wormhole_tunnel.errors import KeyFileError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.yaml"


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    former = os.umask(mask)
    try:
        yield
    finally:
        os.umask(former)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
@pytest.mark.parametrize("write", [create_key_file, replace_key_file])
def test_a_new_file_is_private_whatever_the_umask(path: Path, mask: int, write: Callable[[str, str], None]) -> None:
    with umask(mask):
        write(str(path), "text\n")
    assert (path.read_text(), mode(path)) == ("text\n", 0o600)


def test_an_existing_file_is_not_touched(path: Path) -> None:
    path.write_text("old")
    with pytest.raises(KeyFileError, match="exists already; --force replaces it"):
        create_key_file(str(path), "new")
    assert path.read_text() == "old"


def test_a_dangling_link_is_not_written_through(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="exists already"):
        create_key_file(str(path), "new")
    assert names(tmp_path) == ["key.yaml"]


def test_of_many_at_once_one_creates_it(path: Path) -> None:
    def attempt(number: int) -> bool:
        try:
            create_key_file(str(path), str(number))
        except KeyFileError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        successes = [number for number, created in enumerate(pool.map(attempt, range(64))) if created]
    assert [path.read_text()] == [str(number) for number in successes]


def test_replacing_takes_another_file_s_place_in_one_step(path: Path, tmp_path: Path) -> None:
    path.write_text("old")
    with path.open() as reader:
        replace_key_file(str(path), "new")
        assert reader.read() == "old"
    assert (path.read_text(), mode(path), names(tmp_path)) == ("new", 0o600, ["key.yaml"])


def test_replacing_a_link_leaves_its_target_alone(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    path.symlink_to(target)
    replace_key_file(str(path), "new")
    assert (target.read_text(), path.read_text(), path.is_symlink()) == ("precious", "new", False)


def test_a_directory_is_not_replaced(path: Path, tmp_path: Path) -> None:
    path.mkdir()
    with pytest.raises(KeyFileError, match="can't be written"):
        replace_key_file(str(path), "new")
    assert names(tmp_path) == ["key.yaml"]


@pytest.mark.parametrize("wanted", [0o600, 0o640, 0o400])
def test_rewriting_keeps_the_mode(path: Path, wanted: int) -> None:
    path.write_text("old")
    path.chmod(wanted)
    rewrite_key_file(str(path), "new")
    assert (path.read_text(), mode(path)) == ("new", wanted)


def test_rewriting_keeps_owner_and_group(path: Path) -> None:
    path.write_text("old")
    is_root = os.geteuid() == 0
    owner = 12_345 if is_root else os.geteuid()
    group = 12_346 if is_root else max(os.getgroups())
    os.chown(path, owner, group)
    rewrite_key_file(str(path), "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (owner, group)


def test_a_link_is_not_rewritten(path: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    path.symlink_to(tmp_path / "target")
    with pytest.raises(KeyFileError, match="not a regular file"):
        rewrite_key_file(str(path), "new")
    assert (tmp_path / "target").read_text() == "old"


def test_a_missing_file_is_not_rewritten(path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        rewrite_key_file(str(path), "new")


@pytest.mark.parametrize("write", [create_key_file, replace_key_file])
def test_a_full_disk_leaves_nothing_behind(path: Path, tmp_path: Path, write: Callable[[str, str], None]) -> None:
    with full_disk(), pytest.raises(KeyFileError, match="can't be written: File too large"):
        write(str(path), "text")
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(path: Path, tmp_path: Path) -> None:
    path.write_text("old")
    with full_disk(), pytest.raises(KeyFileError, match="can't be written"):
        rewrite_key_file(str(path), "new")
    assert (path.read_text(), names(tmp_path)) == ("old", ["key.yaml"])


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="can't be written: No such file or directory"):
        create_key_file(str(tmp_path / "none" / "key.yaml"), "text")
