"""What the process may do, and who may look into it: another user, no core dumps, no debugger of the same user.

Keys stay in memory while the proxy runs. Python copies and keeps bytes as it likes, so they can't be cleared for certain;
what is done instead is to keep the memory from being written or read by others.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wormhole_tunnel.config.keysource import STANDARD_STREAM
from wormhole_tunnel.errors import KeyFileError, UsageError

_PR_SET_DUMPABLE: Final = 4  # prctl(2)


def protect_memory() -> None:
    """Write no core dump; on Linux, let no other process of this user attach either. Best effort, and never fails."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def become(user: str, needed: Iterable[str]) -> None:
    """Go on as `user`, a name or number, with its groups; there is no way back. `needed` are files SIGHUP reads again.

    Raises UsageError when that is not allowed or there is no such user, KeyFileError when the user may not read a file.
    """
    entry = _entry(user)
    if os.geteuid() != entry.pw_uid:
        try:
            os.initgroups(entry.pw_name, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        except PermissionError:
            raise UsageError(
                f"--user {user}: only root may become another user: start as root, or leave it out"
            ) from None
    protect_memory()  # the kernel forgets it when the user changes
    for path in needed:
        _check_readable(path, entry.pw_name)


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        raise UsageError(f"there is no user {user!r}") from None


def _check_readable(path: str, name: str) -> None:
    if path == STANDARD_STREAM:
        return
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise KeyFileError(
            f"{path}: the user {name} can't read it, as SIGHUP needs: {error.strerror}: mend its owner or mode"
        ) from error
