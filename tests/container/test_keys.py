"""keygen into a mounted folder, and what the image says where a mount or an owner is wrong."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.container.conftest import USER
from tests.container.docker import WITHIN, once

KEYGEN = "docker run --rm "


def owner_and_mode(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_uid, status.st_gid, status.st_mode & 0o7777


def run_line(line: str, folder: Path) -> None:
    """Do what a message says, in the folder that is to be mounted."""
    line = line.replace("docker run", "docker run --network host")
    done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.returncode == 0, (line, done.stderr)


def mending(message: str) -> str:
    """The last command line of a one-line message."""
    assert len(message.splitlines()) == 1, message
    found = re.findall(r"docker run .*?wormhole(?: (?:keygen|chown [^\n]*|server-proxy))", message)
    assert found, message
    return str(found[-1])


def test_keygen_writes_a_key_of_the_folder_s_owner_and_nobody_else_s(keyed: Path) -> None:
    assert owner_and_mode(keyed / "key.yaml") == (USER, USER, 0o600)
    assert once("--volume", f"{keyed}:/etc/wormhole", "--", "keygen").returncode == 7


def test_keygen_without_a_mount_writes_nothing() -> None:
    done = once("--", "keygen")
    assert done.returncode == 7
    assert "no folder is mounted" in done.stderr


def test_keygen_into_a_folder_of_root_s_says_the_line_that_works(tmp_path: Path) -> None:
    done = once("--volume", f"{tmp_path}:/etc/wormhole", "--", "keygen")
    assert done.returncode == 7
    run_line(mending(done.stderr), tmp_path)
    assert owner_and_mode(tmp_path / "key.yaml") == (USER, USER, 0o600)


def test_keygen_into_another_user_s_folder_says_the_line_that_works(tmp_path: Path) -> None:
    os.chown(tmp_path, 4321, 4321)
    done = once("--volume", f"{tmp_path}:/etc/wormhole", "--", "keygen")
    assert done.returncode == 7
    run_line(mending(done.stderr), tmp_path)
    assert owner_and_mode(tmp_path / "key.yaml") == (4321, 4321, 0o600)


def test_keygen_into_a_read_only_mount_says_so(folder: Path) -> None:
    done = once("--volume", f"{folder}:/etc/wormhole:ro", "--", "keygen")
    assert (done.returncode, "leave out `:ro`" in done.stderr) == (7, True)
    run_line(mending(done.stderr), folder)


def test_a_missing_key_says_how_to_make_one(folder: Path) -> None:
    done = once("--volume", f"{folder}:/etc/wormhole:ro", "--env", "CONNECT_ADDR=127.0.0.1:9", "--", "server-proxy")
    assert done.returncode == 7
    run_line(mending(done.stderr), folder)
    assert (folder / "key.yaml").exists()


def test_a_key_of_root_s_says_the_line_that_gives_it_to_the_image_s_user(keyed: Path) -> None:
    os.chown(keyed / "key.yaml", 0, 0)
    done = once("--volume", f"{keyed}:/etc/wormhole:ro", "--env", "CONNECT_ADDR=127.0.0.1:9", "--", "server-proxy")
    assert done.returncode == 7
    run_line(mending(done.stderr), keyed)
    assert owner_and_mode(keyed / "key.yaml") == (USER, USER, 0o600)


def test_a_key_of_another_user_s_says_as_whom_to_run(keyed: Path) -> None:
    os.chown(keyed / "key.yaml", 4321, 4321)
    done = once("--volume", f"{keyed}:/etc/wormhole:ro", "--env", "CONNECT_ADDR=127.0.0.1:9", "--", "server-proxy")
    assert done.returncode == 7
    assert "docker run --user 4321:4321 " in mending(done.stderr)
