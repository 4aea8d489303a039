"""The PROXY protocol, versions 1 and 2: the header by which a balancer tells whose connection it passes on.

Bytes in, addresses out; no socket. See "The PROXY protocol" by HAProxy Technologies, sections 2.1 and 2.2.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.net.addresses import SourceAddress, source_address

MAX_V1: Final = 107  # bytes with CRLF, section 2.1
MAX_V2: Final = 4096  # bytes; addresses take 52 at most here, the rest is for extensions, which are skipped
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V1: Final = b"PROXY "
_V2_START: Final = struct.Struct("!12sBBH")
_PORTS: Final = struct.Struct("!HH")
_LOCAL, _PROXY = 0x20, 0x21  # version 2 and the command
_TCP4, _TCP6 = 0x11, 0x21
_PORT = re.compile(r"0|[1-9]\d{0,4}", re.ASCII)


class ProxyHeaderError(ValueError):
    """What stands where a header should is none."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header of `size` bytes. Without a source, the connection is the balancer's own, or from no IP address."""

    size: int
    source: SourceAddress | None


def parse(data: bytes | bytearray) -> Header | None:
    """The header at the beginning of `data`; None while it is incomplete.

    Raises ProxyHeaderError, at the first byte that can't be a header's.
    """
    start = bytes(data[: len(_SIGNATURE)])
    if _V1.startswith(start[: len(_V1)]):
        return _parse_v1(bytes(data[:MAX_V1])) if len(start) >= len(_V1) else None
    if not _SIGNATURE.startswith(start):
        raise ProxyHeaderError("it begins otherwise")
    return _parse_v2(bytes(data)) if len(data) >= _V2_START.size else None


def _parse_v1(data: bytes) -> Header | None:
    end = data.find(b"\r\n")
    if end < 0:
        if len(data) >= MAX_V1:
            raise ProxyHeaderError(f"version 1, but no end of line within {MAX_V1} bytes")
        return None
    words = data[:end].decode("latin-1").split(" ")
    size = end + 2
    if words[1] == "UNKNOWN":
        return Header(size, None)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ProxyHeaderError("version 1, but not `PROXY TCP4|TCP6 source destination port port`")
    version = 4 if words[1] == "TCP4" else 6
    host, _ = _address(words[2], version), _address(words[3], version)
    port, _ = _port(words[4]), _port(words[5])
    return Header(size, source_address((host, port)))


def _address(text: str, version: int) -> str:
    try:
        address = ipaddress.IPv4Address(text) if version == 4 else ipaddress.IPv6Address(text)
    except ValueError:
        raise ProxyHeaderError(f"version 1, but no IPv{version} address where one should be") from None
    if "%" in text:
        raise ProxyHeaderError("version 1, but an address with a zone")
    return str(address)


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65_535:
        raise ProxyHeaderError("version 1, but no port where one should be")
    return int(text)


def _parse_v2(data: bytes) -> Header | None:
    _, command, family, length = _V2_START.unpack_from(data)
    size = _V2_START.size + length
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("version 2, but an unknown version or command")
    if size > MAX_V2:
        raise ProxyHeaderError(f"version 2, but longer than {MAX_V2} bytes")
    if len(data) < size:
        return None
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return Header(size, None)
    width = 4 if family == _TCP4 else 16
    if length < 2 * width + _PORTS.size:
        raise ProxyHeaderError("version 2, but shorter than its addresses")
    host = ipaddress.ip_address(data[_V2_START.size : _V2_START.size + width])
    port, _ = _PORTS.unpack_from(data, _V2_START.size + 2 * width)
    return Header(size, source_address((str(host), port)))


def pack_v1(source: SourceAddress | None, destination: SourceAddress | None) -> bytes:
    """The header of version 1. Without both addresses it says that the client is unknown."""
    pair = _same_family(source, destination)
    if pair is None:
        return b"PROXY UNKNOWN\r\n"
    (host, port), (to_host, to_port) = pair
    return f"PROXY TCP{4 if host.version == 4 else 6} {host} {to_host} {port} {to_port}\r\n".encode("ascii")


def pack_v2(source: SourceAddress | None, destination: SourceAddress | None) -> bytes:
    """The header of version 2. Without both addresses its family is unspecified."""
    pair = _same_family(source, destination)
    if pair is None:
        return _V2_START.pack(_SIGNATURE, _PROXY, 0, 0)
    (host, port), (to_host, to_port) = pair
    body = host.packed + to_host.packed + _PORTS.pack(port, to_port)
    return _V2_START.pack(_SIGNATURE, _PROXY, _TCP4 if host.version == 4 else _TCP6, len(body)) + body


_Place = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def _same_family(source: SourceAddress | None, destination: SourceAddress | None) -> tuple[_Place, _Place] | None:
    """Both addresses; where only one is IPv4, it is mapped into IPv6."""
    if source is None or destination is None or not source.host or not destination.host:
        return None
    one, other = ipaddress.ip_address(source.host), ipaddress.ip_address(destination.host)
    if one.version != other.version:
        one, other = _as_ipv6(one), _as_ipv6(other)
    return (one, source.port), (other, destination.port)


def _as_ipv6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    return address if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{address}")
