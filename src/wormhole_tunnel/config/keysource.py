"""Reading key files: a path, or `-` for standard input."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wormhole_tunnel.errors import KeyFileError
from wormhole_tunnel.keys import keyfile
from wormhole_tunnel.observe.logs import get_logger, log_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from wormhole_tunnel.keys.keyring import Keyring

STANDARD_STREAM: Final = "-"

_STANDARD_INPUT: Final = 0
_MAX_FILE_SIZE: Final = 1 << 20  # a ring of 1,000 keys has about 100 KiB
# A group that may read is how a service's own user is given the key; a group that may write is a slip.
_SHARED_MODE: Final = stat.S_IRWXO | stat.S_IWGRP


def read_keyring(key_file: str, warn: Callable[[str], None]) -> Keyring:
    """The keys of a file, or of standard input for `-`. KeyFileError says in one line what is wrong with it.

    `warn` is given one line when the file can be read by others, or written by its group.
    """
    origin = "standard input" if key_file == STANDARD_STREAM else key_file
    try:
        with _open(key_file) as file:
            _check_mode(file, origin, warn)
            text = file.read(_MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        raise KeyFileError(f"{origin}: no such key file; make one with `wormhole-keygen -k {origin}`") from None
    except PermissionError:
        raise KeyFileError(f"{origin}: this user may not read the key file; make the user its owner (chown)") from None
    except OSError as error:
        raise KeyFileError(f"{origin}: the key file can't be read: {error.strerror}") from error
    return keyfile.load_keyring(_decode(text, origin), origin)


def load_keyring(path: str | os.PathLike[str]) -> Keyring:
    """The keys of the file at `path`, as `wormhole-keygen` makes it. KeyFileError says in one line what is wrong with it.

    A file that others can get at is a warning of the logger `wormhole`.
    """
    return read_keyring(os.fspath(path), lambda message: log_event(get_logger(), logging.WARNING, "key_file", message))


def _open(key_file: str) -> BinaryIO:
    if key_file == STANDARD_STREAM:
        return open(_STANDARD_INPUT, "rb", closefd=False)
    return Path(key_file).open("rb")


def _check_mode(file: BinaryIO, origin: str, warn: Callable[[str], None]) -> None:
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode) and mode & _SHARED_MODE:
        warn(f"{origin}: other users of this machine can get at the key; `chmod 600 {origin}` makes it private")


def _decode(text: bytes, origin: str) -> str:
    if len(text) > _MAX_FILE_SIZE:
        raise KeyFileError(f"{origin}: larger than any key file (1 MiB)")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KeyFileError(f"{origin}: not a key file; expected text in UTF-8") from None
