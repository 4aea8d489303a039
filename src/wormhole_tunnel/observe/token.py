"""The bearer token that guards a status address (RFC 6750)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from wormhole_tunnel.errors import UsageError

MIN_LENGTH: Final = 16  # characters; `openssl rand -hex 16` gives twice that
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750, section 2.1: b64token


def read_token(path: str) -> str:
    """The token in the file; empty where no file is named.

    Raises UsageError when it can't be read, or holds no token that is long enough.
    """
    if not path:
        return ""
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"can't read the status token from {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} holds no text: write a token as from `openssl rand -hex 16`") from error
    if len(token) < MIN_LENGTH or not _TOKEN.fullmatch(token):
        wanted = f"at least {MIN_LENGTH} letters and digits, as from `openssl rand -hex 16`"
        raise UsageError(f"{path} holds no token: write one line of {wanted}")
    return token
