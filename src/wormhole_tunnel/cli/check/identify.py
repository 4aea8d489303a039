"""Who answers that is no server proxy: by what it says to a handshake, to an HTTP request, or to a TLS hello."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from wormhole_tunnel.net.addresses import Address
from wormhole_tunnel.net.dial import Dialer, DialError
from wormhole_tunnel.observe.levels import escape

_PATIENCE: Final = 3.0  # seconds for each question
_ENOUGH: Final = 4096  # bytes of an answer
_REQUEST: Final = b"GET / HTTP/1.0\r\n\r\n"
_SIGNS: Final = (
    (re.compile(rb"SSH-[\d.]+-([^\r\n]*)"), "an SSH server"),
    (re.compile(rb"HTTP/\d(?:\.\d)? \d{3}|<(?:!doctype )?html", re.IGNORECASE), "an HTTP server"),
    (re.compile(rb"[\x14-\x17]\x03[\x00-\x04]"), "a TLS server"),
    (re.compile(rb"-(?:ERR|NOAUTH|DENIED) ?([^\r\n]*)"), "a Redis server"),
    (re.compile(rb"220[ -]([^\r\n]*)"), "a mail or FTP server"),
    (re.compile(rb"(?:\+OK|\* OK) ?([^\r\n]*)"), "a mail server"),
    (re.compile(rb"E\x00\x00[\x00-\x0f].S(?:FATAL|ERROR)", re.DOTALL), "a PostgreSQL server"),
    (re.compile(rb".\x00\x00\x00(?:\x0a[\d.]+|\xff)", re.DOTALL), "a MySQL server"),
)


def identify(answer: bytes) -> str:
    """What the beginning of an answer tells; empty if nothing."""
    for sign, who in _SIGNS:
        if match := sign.match(answer):
            said = escape(match[1].decode(errors="replace").strip())[:80] if match.groups() else ""
            return f"{who} ({said})" if said else who
    return ""


async def ask(dialer: Dialer, address: Address) -> str:
    """Ask in other protocols, for somebody who was silent to a handshake; empty if that tells nothing."""
    questions = (_speak_http, _speak_tls)
    answers = await asyncio.gather(*(_ask(dialer, address, question) for question in questions))
    return next(filter(None, answers), "")


Question = Callable[[socket.socket], Awaitable[str]]


async def _ask(dialer: Dialer, address: Address, question: Question) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            sock = await dialer.dial(address, _PATIENCE)
            with sock:
                return await question(sock)
    except (OSError, DialError):  # TimeoutError among them
        return ""


async def _speak_http(sock: socket.socket) -> str:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, _REQUEST)
    return identify(await loop.sock_recv(sock, _ENOUGH))


async def _speak_tls(sock: socket.socket) -> str:
    """Say a hello. Whatever is answered is only looked at, so no certificate is checked."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        await loop.sock_sendall(sock, outgoing.read())
    return identify(await loop.sock_recv(sock, _ENOUGH))
