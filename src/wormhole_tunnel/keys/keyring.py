"""A shared key, and the ring of keys that a server accepts and a client uses the first of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wormhole_tunnel.errors import KeyFileError
from wormhole_tunnel.keys.derivation import derive_psk_and_hint_key
from wormhole_tunnel.limits import MAX_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_SIZE: Final = 32
DEFAULT_NAME: Final = "default"  # of a key whose file gives it no name

# Names stand in logs and metrics. 32 characters hold no key in any encoding, should one be written in the wrong place.
NAME_RULE: Final = "a name of 1 to 32 letters, digits, dots, dashes or underscores, a letter or digit first"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret of 32 bytes under a name, with the two keys derived from it; no secret shows in its repr.

    Only the legacy transport uses `secret` itself.
    """

    name: str
    secret: bytes = field(repr=False)
    psk: bytes = field(init=False, repr=False, compare=False)
    hint_key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_SIZE:
            raise KeyFileError("a key is 32 bytes")
        if not is_key_name(self.name):
            raise KeyFileError(f"a key needs {NAME_RULE}")
        psk, hint_key = derive_psk_and_hint_key(self.secret)
        object.__setattr__(self, "psk", psk)
        object.__setattr__(self, "hint_key", hint_key)


@dataclass(frozen=True, slots=True)
class Keyring:
    """1 to 1,000 keys with different names and secrets. KeyFileError otherwise."""

    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise KeyFileError("a keyring needs at least one key")
        if len(self.keys) > MAX_KEYS:
            raise KeyFileError(f"a keyring holds at most {MAX_KEYS:,} keys")
        repeat = first_repeat(self.keys)
        if repeat is not None:
            raise KeyFileError(f"keys {repeat.earlier + 1} and {repeat.later + 1} have the same {repeat.what}")

    @property
    def first(self) -> Key:
        """The key that a client uses."""
        return self.keys[0]

    def by_name(self, name: str) -> Key | None:
        """The key of that name, or None."""
        return next((key for key in self.keys if key.name == name), None)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Repeat:
    """What stands twice in a ring: the index of the later key, of the earlier one, and which part of them is equal."""

    later: int
    earlier: int
    what: str


def is_key_name(name: str) -> bool:
    """Whether `name` can name a key (`NAME_RULE`)."""
    return _NAME.fullmatch(name) is not None


def first_repeat(keys: tuple[Key, ...]) -> Repeat | None:
    """The first key whose name or secret stood before, or None. A secret under two names could never be told apart."""
    names: dict[str, int] = {}
    secrets: dict[bytes, int] = {}
    for index, key in enumerate(keys):
        if key.name in names:
            return Repeat(index, names[key.name], "name")
        if key.secret in secrets:
            return Repeat(index, secrets[key.secret], "secret")
        names[key.name] = secrets[key.secret] = index
    return None
