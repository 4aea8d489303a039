"""Kinds of option values: how each is written, what it allows, and what it becomes."""

from __future__ import annotations

import grp
import math
import pwd
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from wormhole_tunnel.errors import AddressError, UsageError
from wormhole_tunnel.limits import GIB, KIB, MIB
from wormhole_tunnel.net.addresses import Address, TcpAddress, parse_address_list

_SIZES: Final = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB}
_TIMES: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NUMBER_AND_UNIT = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_BOOLEANS: Final = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)


class NotAllowedError(ValueError):
    """A text that a kind of value does not allow."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    `metavar` stands for it in a synopsis, `allowed` completes "use ...", `words` are offered by shell completion.
    `parse` raises NotAllowedError for what is not allowed, or a WormholeError where its own text says more.
    """

    metavar: str
    allowed: str
    parse: Callable[[str], object]
    words: tuple[str, ...] = ()
    is_file: bool = False


def flag() -> Kind:
    """An option that takes no value on the command line."""
    return Kind("", "true or false", lambda text: _looked_up(_BOOLEANS, text.lower()), ("true", "false"))


def choice(enum: type[Enum]) -> Kind:
    """A member of `enum`, by its name in lower case, with hyphens."""
    members = {member.name.lower().replace("_", "-"): member for member in enum}
    words = tuple(members)
    return Kind("|".join(words), _or(words), lambda text: _looked_up(members, text.lower().replace("_", "-")), words)


def several(words: tuple[str, ...]) -> Kind:
    """Some of these words, with commas between them."""

    def parse(text: str) -> frozenset[str]:
        chosen = frozenset(word.strip().lower() for word in text.split(","))
        if not chosen <= frozenset(words):
            raise NotAllowedError(text)
        return chosen

    return Kind("WORD,...", f"one or several of {', '.join(words)}, with commas between", parse, words)


def optional(kind: Kind, nothing: object) -> Kind:
    """The same, but that nothing at all may be said as well."""
    return replace(kind, parse=lambda text: kind.parse(text) if text else nothing)


def whole_number(lowest: int, highest: int) -> Kind:
    """An integer in these bounds."""
    return Kind("N", f"a whole number from {lowest} to {highest}", lambda text: _whole(text, lowest, highest))


def size(lowest: int, highest: int) -> Kind:
    """Bytes: `1024`, `64KiB`, `16MiB`, `1GiB`."""
    allowed = f"a size from {format_size(lowest)} to {format_size(highest)} (units: B, KiB, MiB, GiB)"
    return Kind("SIZE", allowed, lambda text: _size(text, lowest, highest))


def rate(lowest: int, highest: int) -> Kind:
    """Bytes per second: `64KiB/s`."""
    allowed = f"a rate from {format_size(lowest)}/s to {format_size(highest)}/s (units: B/s, KiB/s, MiB/s, GiB/s)"
    return Kind("RATE", allowed, lambda text: _size(text.removesuffix("/s"), lowest, highest))


def duration(lowest: float, highest: float, *, or_off: bool = False) -> Kind:
    """Seconds: `30s`, `5m`, `250ms`, a bare number; 0 as well where that turns something off."""
    off = ", or 0 for off" if or_off else ""
    allowed = f"a time from {format_duration(lowest)} to {format_duration(highest)}{off} (units: ms, s, m, h, d)"
    return Kind("TIME", allowed, lambda text: _duration(text, lowest, highest, or_off=or_off))


def addresses(*, to_listen: bool) -> Kind:
    """One or several addresses with commas between them. Port 0 (any free port) only makes sense to listen on."""
    return Kind(
        "ADDR", "host:port, [ipv6]:port, :port or unix:/path", lambda text: _addresses(text, to_listen=to_listen)
    )


def file_path(*, or_input: bool = True) -> Kind:
    """The path of a file, or `-` for standard input."""
    allowed = "a path, or - for standard input" if or_input else "a path"
    return Kind("FILE", allowed, _not_empty, is_file=True)


def checked_text(metavar: str, allowed: str, check: Callable[[str], object]) -> Kind:
    """Text that stays text; `check` raises what is wrong with it."""

    def parse(text: str) -> str:
        check(text)
        return text

    return Kind(metavar, allowed, parse)


def permissions() -> Kind:
    """Permission bits in octal."""
    return Kind("MODE", "three or four octal digits, as in 660", _permissions)


def owner() -> Kind:
    """`user`, `user:group` or `:group`, by name or number; becomes two numbers, -1 where nothing is said."""
    return Kind("USER:GROUP", "user, user:group or :group, each a name or a number", _owner)


def format_size(count: int) -> str:
    """The shortest exact way to write `count` bytes."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count}B"


def format_duration(seconds: float) -> str:
    """The shortest exact way to write `seconds`."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _TIMES[unit] == 0:
            return f"{seconds / _TIMES[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0"


def _looked_up(table: Mapping[str, object], word: str) -> object:
    if word not in table:
        raise NotAllowedError(word)
    return table[word]


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _whole(text: str, lowest: int, highest: int) -> int:
    number = int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else -1
    if not lowest <= number <= highest:
        raise NotAllowedError(text)
    return number


def _number_and_unit(text: str) -> tuple[str, str]:
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        raise NotAllowedError(text)
    return match[1], match[2].lower()


def _size(text: str, lowest: int, highest: int) -> int:
    number, unit = _number_and_unit(text)
    if unit not in _SIZES:
        raise NotAllowedError(text)
    count = float(number) * _SIZES[unit] if "." in number else int(number) * _SIZES[unit]
    if count != int(count) or not lowest <= count <= highest:
        raise NotAllowedError(text)
    return int(count)


def _duration(text: str, lowest: float, highest: float, *, or_off: bool) -> float:
    number, unit = _number_and_unit(text)
    if unit not in _TIMES:
        raise NotAllowedError(text)
    seconds = float(number) * _TIMES[unit]
    if not (lowest <= seconds <= highest or (or_off and math.isclose(seconds, 0.0))):
        raise NotAllowedError(text)
    return seconds


def _addresses(text: str, *, to_listen: bool) -> tuple[Address, ...]:
    found = parse_address_list(text)
    for address in found:
        if isinstance(address, TcpAddress) and address.port == 0 and not to_listen:
            raise AddressError(f"{str(address)!r}: nothing can be reached at port 0: type a number from 1 to 65535")
    return found


def _not_empty(text: str) -> str:
    if not text or "\0" in text:
        raise NotAllowedError(text)
    return text


def _permissions(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{3}", text, re.ASCII):
        raise NotAllowedError(text)
    return int(text, 8)


def _owner(text: str) -> tuple[int, int]:
    user, _, group = text.partition(":")
    return _id(user, _user_id), _id(group, _group_id)


def _id(name: str, look_up: Callable[[str], int]) -> int:
    if not name:
        return -1
    return int(name) if re.fullmatch(r"\d{1,9}", name, re.ASCII) else look_up(name)


def _user_id(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise UsageError(f"there is no user {name!r}") from None


def _group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise UsageError(f"there is no group {name!r}") from None
