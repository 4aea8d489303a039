"""Key files as files: each way in which one can't be read is one line, and one that others can read is a warning."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wormhole_tunnel.config.keysource import read_keyring
from wormhole_tunnel.errors import KeyFileError
from wormhole_tunnel.keys.keyfile import dump_key

SECRET = bytes(range(32))
NOBODY = 65534


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.yaml"
    path.write_text(dump_key(SECRET))
    path.chmod(0o600)
    return path


def refuse_warnings(line: str) -> None:
    pytest.fail(f"a warning: {line}")


@contextlib.contextmanager
def standard_input(text: bytes) -> Iterator[None]:
    """Let file descriptor 0 give `text`."""
    kept = os.dup(0)
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@contextlib.contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may read any file; without it for a moment, this process may not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_private_file_is_read_without_a_warning(key_file: Path) -> None:
    assert read_keyring(str(key_file), refuse_warnings).first.secret == SECRET


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o620, 0o601])
def test_a_file_that_others_can_get_at_is_warned_of(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    warnings: list[str] = []
    assert read_keyring(str(key_file), warnings.append).first.secret == SECRET
    assert warnings == [
        f"{key_file}: other users of this machine can get at the key; `chmod 600 {key_file}` makes it private"
    ]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o640])
def test_a_group_may_read(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    read_keyring(str(key_file), refuse_warnings)


def test_a_link_is_followed(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(key_file)
    assert read_keyring(str(tmp_path / "link"), refuse_warnings).first.secret == SECRET


def test_standard_input_is_read_and_stays_open() -> None:
    with standard_input(dump_key(SECRET).encode()):
        assert read_keyring("-", refuse_warnings).first.secret == SECRET
        os.fstat(0)


def test_an_error_in_standard_input_is_told_as_such() -> None:
    with standard_input(b"nonsense"), pytest.raises(KeyFileError, match=r"^standard input, line 1: expected"):
        read_keyring("-", refuse_warnings)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"no such key file; make one with `wormhole-keygen -k .*key\.yaml`"):
        read_keyring(str(tmp_path / "key.yaml"), refuse_warnings)


def test_a_file_that_may_not_be_read(key_file: Path) -> None:
    key_file.chmod(0)
    with as_ordinary_user(), pytest.raises(KeyFileError, match="this user may not read the key file"):
        read_keyring(str(key_file), refuse_warnings)


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="can't be read: Is a directory"):
        read_keyring(str(tmp_path), refuse_warnings)


def test_a_file_that_is_no_text_shows_none_of_it(key_file: Path) -> None:
    key_file.write_bytes(b"\xff" + SECRET)
    with pytest.raises(KeyFileError, match="expected text in UTF-8") as caught:
        read_keyring(str(key_file), refuse_warnings)
    assert "xff" not in str(caught.value)


def test_a_huge_file_is_not_read_to_its_end() -> None:
    with pytest.raises(KeyFileError, match="larger than any key file"):
        read_keyring("/dev/zero", refuse_warnings)


def test_a_byte_order_mark_is_no_error(key_file: Path) -> None:
    key_file.write_bytes(b"\xef\xbb\xbf" + key_file.read_bytes())
    assert read_keyring(str(key_file), refuse_warnings).first.secret == SECRET
