"""The key file in a container: where it is mounted, who may read and write it, and the line that mends it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from wormhole_tunnel.config.keysource import STANDARD_STREAM
from wormhole_tunnel.errors import KeyFileError

KEY_FILE: Final = "/etc/wormhole/key.yaml"
IMAGE_USER: Final = 1000  # both user and group of the image
_ROOT: Final = 0
_FOLDER: Final = str(Path(KEY_FILE).parent)
_KEYGEN: Final = f'docker run --rm -v "$PWD:{_FOLDER}" wormhole keygen'


def check_key(key_file: str, command: str) -> None:
    """KeyFileError, with the `docker run` line that mends it, where `command` could not read its key."""
    path = Path(key_file)
    if key_file == STANDARD_STREAM or (os.access(path, os.R_OK) and not path.is_dir()):
        return
    again = f'docker run -v "$PWD:{path.parent}:ro" ... wormhole {command}'
    try:
        status = path.stat()
    except PermissionError:
        message = _wrong_owner(path.parent, path.parent.stat(), again)
    except OSError:
        message = _missing(path, again)
    else:
        if stat.S_ISDIR(status.st_mode):
            message = f"is a folder: Docker makes one where the file to mount is missing; remove it, and {_KEYGEN}"
        else:
            message = _wrong_owner(path, status, again)
    raise KeyFileError(f"{key_file}: {message}")


def check_target(key_file: str) -> None:
    """KeyFileError, with the `docker run` line that mends it, where no key could be written, or would be lost."""
    if key_file == STANDARD_STREAM:
        return
    folder = Path(key_file).parent
    if not _outlives(folder):
        raise KeyFileError(f"{folder}: no folder is mounted there, and the key would be lost: {_KEYGEN}")
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise KeyFileError(f"{folder}: mounted read-only; leave out `:ro`: {_KEYGEN}")
    if not os.access(folder, os.W_OK):
        owner = folder.stat()
        again = _KEYGEN.replace("--rm", f"--rm --user {owner.st_uid}:{owner.st_gid}")
        raise KeyFileError(f"{folder}: belongs to user {owner.st_uid}, this is user {os.geteuid()}: {again}")


def hand_over(key_file: str) -> None:
    """Give a key that root wrote to the owner of its folder, or where that is root too, to the image's user.

    Raises KeyFileError.
    """
    path = Path(key_file)
    if key_file == STANDARD_STREAM or os.geteuid() != _ROOT or not path.is_file():
        return
    folder = path.parent.stat()
    user, group = (folder.st_uid, folder.st_gid) if folder.st_uid != _ROOT else (IMAGE_USER, IMAGE_USER)
    try:
        os.chown(path, user, group)
    except PermissionError:
        raise KeyFileError(f"{path}: written, but it belongs to root and not to user {user}: chown it") from None


def _missing(path: Path, again: str) -> str:
    if _outlives(path.parent):
        return f"no key there; make one: {_KEYGEN}"
    return f"no key: mount the folder that has it: {again}; or make one first: {_KEYGEN}"


def _wrong_owner(path: Path, status: os.stat_result, again: str) -> str:
    if status.st_uid in (_ROOT, os.geteuid()):
        mend = f"chown -R {os.geteuid()}:{os.getegid()} {path}"
        return f'this user may not read it: docker run --rm --user 0 -v "$PWD:{_FOLDER}" wormhole {mend}'
    as_owner = again.replace("docker run", f"docker run --user {status.st_uid}:{status.st_gid}")
    return f"belongs to user {status.st_uid}, this is user {os.geteuid()}: {as_owner}"


def _outlives(folder: Path) -> bool:
    """Whether what is written there outlives the container."""
    return folder.is_dir() and (str(folder) != _FOLDER or os.path.ismount(folder))
