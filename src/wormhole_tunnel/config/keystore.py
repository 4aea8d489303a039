"""Writing key files: private from the first moment, whole or not at all, and never through a symbolic link."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wormhole_tunnel.errors import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE_MODE: Final = 0o600
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def create_key_file(path: str, text: str) -> None:
    """Write a new file with mode 0600. KeyFileError when something, be it a dangling link, stands there already."""
    with _explained(path):
        _write_new(path, text, _PRIVATE_MODE)


def replace_key_file(path: str, text: str) -> None:
    """Put a new file with mode 0600 in the place of whatever file or link stands there, in one step."""
    with _explained(path):
        _write_and_rename(path, text, _PRIVATE_MODE, None)


def rewrite_key_file(path: str, text: str) -> None:
    """Replace a file's text in one step; owner and mode stay. KeyFileError for a link, or when they can't be kept."""
    with _explained(path):
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path}: not a regular file; name the file itself")
        _write_and_rename(path, text, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))


def _write_and_rename(path: str, text: str, mode: int, owner: tuple[int, int] | None) -> None:
    new_path = f"{path}.{secrets.token_hex(4)}.new"
    _write_new(new_path, text, mode, owner)
    with _removed_on_error(new_path):
        Path(new_path).replace(path)


def _write_new(path: str, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    with os.fdopen(os.open(path, _NEW_FILE, _PRIVATE_MODE), "w", encoding="ascii") as file, _removed_on_error(path):
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)  # whatever the umask took away
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _removed_on_error(path: str) -> Iterator[None]:
    try:
        yield
    except OSError:
        Path(path).unlink()
        raise


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise KeyFileError(
            f"{path} exists already; --force replaces it (the other side then needs the new one)"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path}: can't be written: {error.strerror}") from error
