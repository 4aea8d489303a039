"""Who may look: the token, and names under which a loopback address may be asked.

A browser on this host can be lured into asking a loopback address under a foreign name (DNS rebinding), and would let
the page of that name read the answer. So without a token only the names of this host itself are served.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Final

from wormhole_tunnel.errors import AddressError
from wormhole_tunnel.net.addresses import TcpAddress, is_local, parse_address

_BEARER: Final = "bearer"
_BASIC: Final = "basic"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d+)?", re.ASCII | re.IGNORECASE)


def presents_token(authorization: str, token: str) -> bool:
    """Whether an Authorization header has it: as bearer token (RFC 6750), or as the password that a browser asks for."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == _BEARER:
        return _is_token(value.strip(), token)
    if scheme.lower() == _BASIC:
        return _is_token(_password(value.strip()), token)
    return False


def _is_token(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def names_this_host(host: str) -> bool:
    """Whether a Host header names a loopback address (RFC 9110, section 7.2)."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    try:
        address = parse_address(f"{match[1]}:80")
    except AddressError:
        return False
    return isinstance(address, TcpAddress) and is_local(address)
