"""An rsync daemon through the tunnel: a tree of files goes there, changes, and comes back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeTunnel
from tests.support.services import Rsync, run


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Rsync]:
    """An rsync daemon."""
    with Rsync(tmp_path) as server:
        yield server


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_tree_there_and_back_and_again_after_a_change(daemon: Rsync, make_tunnel: MakeTunnel, tmp_path: Path) -> None:
    tunnel = make_tunnel(daemon.address)
    module = f"rsync://127.0.0.1:{tunnel.port}/files/"
    tree, back = tmp_path / "tree", tmp_path / "back"
    for number in range(200):
        file = tree / f"folder{number % 10}" / f"file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(number * 1000))
    run("rsync", "-a", f"{tree}/", module)
    assert contents(daemon.files) == contents(tree)
    with (tree / "folder9" / "file199").open("r+b") as changed:
        changed.seek(100_000)
        changed.write(b"changed")
    run("rsync", "-a", "--checksum", f"{tree}/", module)
    run("rsync", "-a", module, back)
    assert contents(back) == contents(tree)
