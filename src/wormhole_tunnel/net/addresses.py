"""Addresses as people type them: `host:port`, `[v6]:port`, `:port`, `unix:/path`.

Nothing here opens a socket or asks a name server.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.errors import AddressError
from wormhole_tunnel.wire.frames import packed_host

DEFAULT_HOST: Final = "127.0.0.1"
MAX_PORT: Final = 65_535
MAX_UNIX_PATH: Final = 103 if sys.platform == "darwin" else 107  # bytes: sun_path less its final zero
_MAX_NAME = 253  # RFC 1035, 2.3.4, as text
_UNIX = "unix:"
ACTIVATED: Final = "systemd:"
_FORMS = "host:port, [ipv6]:port, :port or unix:/path"

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE | re.ASCII)
_TWO_WORDS = re.compile(r"(\S+)\s+:?(\d+)", re.ASCII)
_SCOPE = re.compile(r"[a-z0-9_.-]+", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host (name, IPv4 or IPv6 without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_literal(self) -> bool:
        """Whether the host is an IP address, so that no look-up is needed."""
        return ":" in self.host or _as_ipv4(self.host) is not None


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix stream socket."""

    path: str

    def __str__(self) -> str:
        return _UNIX + self.path


@dataclass(frozen=True, slots=True)
class ActivatedAddress:
    """Where systemd listens already: the name of the sockets that it passes on."""

    name: str

    def __str__(self) -> str:
        return ACTIVATED + self.name


Address = TcpAddress | UnixAddress
ListenAddress = Address | ActivatedAddress


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where an accepted connection came from: a numeric host and a port, or empty and 0 for a Unix socket."""

    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return str(TcpAddress(self.host, self.port)) if self.host else "unix"

    @property
    def packed(self) -> bytes:
        """The address in network order: 4 bytes, 16 bytes, or none for a Unix socket."""
        return packed_host(self.host) if self.host else b""

    @property
    def network(self) -> bytes:
        """What per-source limits count by: the IPv4 address, or the first 64 bits of the IPv6 one."""
        return self.packed[:8]


def is_local(address: Address) -> bool:
    """Whether only this host can reach it: a Unix socket, a loopback address, or `localhost`."""
    if isinstance(address, UnixAddress):
        return True
    literal = _as_ipv4(address.host) or _as_ipv6(address.host)
    return literal.is_loopback if literal is not None else address.host.lower() == "localhost"


def source_address(sockaddr: object) -> SourceAddress:
    """From what `accept` or `getpeername` returned; a mapped IPv4 address is shown as IPv4."""
    match sockaddr:
        case (str(host), int(port), *_):
            host = host.partition("%")[0]
            mapped = ipaddress.IPv6Address(host).ipv4_mapped if ":" in host else None
            return SourceAddress(str(mapped) if mapped else host, port)
        case _:
            return SourceAddress()


def parse_address(text: str, default_host: str = DEFAULT_HOST) -> Address:
    """Parse one address; `:port` means `default_host`.

    Raises AddressError, whose one line says what to type instead.
    """
    text = text.strip()
    if not text:
        raise AddressError(f"the address is empty: type {_FORMS}")
    if text.startswith(_UNIX):
        return _parse_unix(text)
    _refuse_known_slips(text)
    if text.startswith("["):
        return _parse_bracketed(text)
    host, _, port = text.rpartition(":")
    return TcpAddress(_check_host(host or default_host, text), _parse_port(port, text))


def parse_address_list(text: str, default_host: str = DEFAULT_HOST) -> tuple[Address, ...]:
    """Parse addresses with commas between them; at least one, none twice.

    Raises AddressError.
    """
    addresses = tuple(parse_address(part, default_host) for part in text.split(","))
    for index, address in enumerate(addresses):
        if address in addresses[:index]:
            raise AddressError(f"the address {str(address)!r} stands twice")
    return addresses


def _refuse_known_slips(text: str) -> None:
    if not text.isprintable():
        raise AddressError(f"{text!r} has characters that no address has: type {_FORMS}")
    if words := _TWO_WORDS.fullmatch(text):
        host, port = words.groups()
        raise AddressError(f"{text!r} has a space where the colon belongs: type {_suggest(host.rstrip(':'), port)}")
    if _DIGITS.fullmatch(text):
        raise AddressError(f"{text!r} is a port without a colon: type :{text}")
    if "://" in text:
        raise AddressError(f"{text!r} is a URL: type only its host and port, as host:port")
    if text.startswith("/"):
        raise AddressError(f"{text!r} looks like a path: type unix:{text} for a Unix socket")
    if text.count(":") > 1 and not text.startswith("["):
        raise AddressError(_too_many_colons(text))
    if ":" not in text:
        raise AddressError(f"{text!r} has no port: type {text}:PORT")


def _suggest(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _too_many_colons(text: str) -> str:
    head, _, port = text.rpartition(":")
    if _as_ipv6(text) is not None:
        advice = f"type [{text}]:PORT"
    elif _as_ipv6(head) is not None:
        advice = f"type [{head}]:{port}"
    else:
        return f"{text!r} has too many colons: type {_FORMS}"
    return f"{text!r} is an IPv6 address without brackets: {advice}"


def _parse_bracketed(text: str) -> TcpAddress:
    host, bracket, rest = text[1:].partition("]")
    if not bracket:
        raise AddressError(f"{text!r} has no closing bracket: type [ipv6]:port")
    if _as_ipv6(host) is None:
        raise AddressError(f"{text!r}: {host!r} is no IPv6 address: type [ipv6]:port, or host:port without brackets")
    if not rest.startswith(":"):
        port = rest if _DIGITS.fullmatch(rest) else "PORT"
        raise AddressError(f"{text!r} has no port after the bracket: type [{host}]:{port}")
    return TcpAddress(host, _parse_port(rest[1:], text))


def _parse_port(port: str, text: str) -> int:
    if not _DIGITS.fullmatch(port):
        what = f"{port!r} is no port number" if port else "there is no port after the colon"
        raise AddressError(f"{text!r}: {what}: type a number from 0 to {MAX_PORT}")
    if len(port) > len(str(MAX_PORT)) or int(port) > MAX_PORT:
        raise AddressError(f"{text!r}: port {port} is out of range: type a number from 0 to {MAX_PORT}")
    return int(port)


def _parse_unix(text: str) -> UnixAddress:
    path = text[len(_UNIX) :]
    if not path:
        raise AddressError(f"{text!r} has no path: type unix:/path")
    if "\0" in path or path.endswith("/"):
        raise AddressError(f"{text!r} can't be the path of a socket: type unix:/path")
    size = len(path.encode(errors="surrogateescape"))
    if size > MAX_UNIX_PATH:
        raise AddressError(f"{text!r}: the path has {size} bytes: use one of at most {MAX_UNIX_PATH}")
    return UnixAddress(path)


def _check_host(host: str, text: str) -> str:
    if ":" in host:  # only a default host can have one
        return host
    if re.fullmatch(r"[\d.]+", host, re.ASCII):
        if _as_ipv4(host) is None:
            raise AddressError(f"{text!r}: {host!r} is no IPv4 address: type four numbers, as in 127.0.0.1:8080")
        return host
    if host == "*":
        raise AddressError(f"{text!r}: for every IPv4 address type 0.0.0.0{text[1:]}, for IPv6 as well [::]{text[1:]}")
    if not _is_name(host):
        raise AddressError(f"{text!r}: {host!r} is no host name: use letters, digits, hyphens and dots")
    return host


def _is_name(host: str) -> bool:
    try:
        ascii_name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = ascii_name.removesuffix(".").split(".")
    return len(ascii_name) <= _MAX_NAME and all(_LABEL.fullmatch(label) for label in labels)


def _as_ipv4(host: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None


def _as_ipv6(host: str) -> ipaddress.IPv6Address | None:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return None
    return address if _SCOPE.fullmatch(address.scope_id or "0") else None
