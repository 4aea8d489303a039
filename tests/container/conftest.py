"""Folders with a key, as the image makes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.container.docker import once

USER = 1000  # the image's


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to mount, which belongs to the image's user."""
    made = tmp_path / "wormhole"
    made.mkdir()
    os.chown(made, USER, USER)
    return made


@pytest.fixture
def keyed(folder: Path) -> Path:
    """The same, with a key."""
    done = once("--volume", f"{folder}:/etc/wormhole", "--", "keygen")
    assert done.returncode == 0, done.stderr
    return folder
