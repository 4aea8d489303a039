"""Kinds of option values that say who may connect, to what, and as whom the process runs."""

from __future__ import annotations

import ipaddress
import pwd
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.config.values import Kind, NotAllowedError
from wormhole_tunnel.errors import AddressError, UsageError
from wormhole_tunnel.net.addresses import ACTIVATED, ActivatedAddress, Address, ListenAddress, TcpAddress, parse_address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_NAME: Final = 64
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}", re.ASCII)
_NAME_RULE: Final = f"a name of 1 to {MAX_NAME} letters, digits, dots, hyphens and underscores"


@dataclass(frozen=True, slots=True)
class Service:
    """A server that a server proxy offers by name, at one or several addresses."""

    name: str
    connect: tuple[Address, ...]


def service_name() -> Kind:
    """The name of a service."""
    return Kind("NAME", _NAME_RULE, _checked_name)


def services() -> Kind:
    """`name=address`, with commas between them; a name that stands several times has several addresses."""
    return Kind("NAME=ADDR", f"name=host:port or name=unix:/path, the name being {_NAME_RULE}", _services)


def listening() -> Kind:
    """Addresses to listen on, or `systemd:NAME` for sockets that systemd passes on, with commas between them."""
    return Kind("ADDR", "host:port, [ipv6]:port, :port, unix:/path or systemd:NAME", _listening)


def networks() -> Kind:
    """Networks in CIDR notation, with commas between them; an address alone is a network of one."""
    return Kind("CIDR", "an address or a network, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32", _networks)


def user() -> Kind:
    """A user of this machine, by name or number; stays text."""
    return Kind("USER", "the name or number of a user of this machine", _user)


def parse_network(text: str) -> Network:
    """One network. Raises NotAllowedError, or UsageError where only the bits beyond the prefix are wrong."""
    text = text.strip()
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        suggestion = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NotAllowedError(text) from None
    raise UsageError(f"{text!r} has bits set beyond its prefix: type {suggestion}")


def _checked_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise NotAllowedError(text)
    return text


def _listening(text: str) -> tuple[ListenAddress, ...]:
    found: list[ListenAddress] = []
    for part in text.split(","):
        name = part.strip().removeprefix(ACTIVATED)
        address = parse_address(part) if name == part.strip() else ActivatedAddress(_checked_name(name))
        if address in found:
            raise AddressError(f"the address {str(address)!r} stands twice")
        found.append(address)
    return tuple(found)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(parse_network(part) for part in text.split(","))


def _services(text: str) -> tuple[Service, ...]:
    found: dict[str, list[Address]] = {}
    for part in text.split(","):
        name, equals, address = part.strip().partition("=")
        if not equals:
            raise NotAllowedError(part)
        _append(found.setdefault(_checked_name(name), []), parse_address(address))
    return tuple(Service(name, tuple(addresses)) for name, addresses in found.items())


def _append(addresses: list[Address], address: Address) -> None:
    if isinstance(address, TcpAddress) and address.port == 0:
        raise AddressError(f"{str(address)!r}: nothing can be reached at port 0: type a number from 1 to 65535")
    if address in addresses:
        raise AddressError(f"the address {str(address)!r} stands twice")
    addresses.append(address)


def _user(text: str) -> str:
    try:
        pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        raise UsageError(f"there is no user {text!r}") from None
    return text


def names_of(offered: Iterable[Service]) -> str:
    """The names for a message."""
    return ", ".join(service.name for service in offered)
