"""The key file as text: a YAML document in one of three forms (docs/protocol.md, Keys).

    - 17          the original's form:        key: <base64>           keys:
    - 203         32 integers                                           - name: alice
    ...                                                                   key: <base64>

Read from the parser's events rather than its objects: each error can name its line, and a file can't nest deeper or
repeat itself further than the forms do. No error repeats any of the file's text, since any of it may be a key.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import yaml

from wormhole_tunnel.errors import KeyFileError
from wormhole_tunnel.keys.keyring import (
    DEFAULT_NAME,
    NAME_RULE,
    SECRET_SIZE,
    Key,
    Keyring,
    first_repeat,
    is_key_name,
)
from wormhole_tunnel.limits import MAX_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BYTE: Final = re.compile("0|[1-9][0-9]{0,2}")

_FORMS: Final = "`key: <base64>`, a list `keys:`, or 32 integers (wormhole-keygen writes a key file)"


def load_keyring(text: str, origin: str) -> Keyring:
    """The keys of a key file's text. KeyFileError says where: `origin` is the file's name in it."""
    return _Reader(text, origin).read()


def dump_key(secret: bytes) -> str:
    """The text of a key file with one key."""
    return f"key: {_encode(secret)}\n"


def dump_legacy_key(secret: bytes) -> str:
    """The text of a key file with one key in the original's form, which has a line for each byte."""
    return "---\n" + "".join(f"- {byte}\n" for byte in secret)


def dump_keyring(keyring: Keyring) -> str:
    """The text of a key file with named keys."""
    return "keys:\n" + "".join(f"  - name: {key.name}\n    key: {_encode(key.secret)}\n" for key in keyring)


def _encode(secret: bytes) -> str:
    return base64.b64encode(secret).decode("ascii")


def _line_of(mark: object) -> int:
    return int(getattr(mark, "line", 0)) + 1


@dataclass(frozen=True, slots=True)
class _Located:
    """A key, and the lines where its name and its secret stand."""

    key: Key
    name_line: int
    secret_line: int


class _Reader:
    """Descends into the three forms by the parser's events, one method for each thing a form holds."""

    def __init__(self, text: str, origin: str) -> None:
        self._origin = origin
        self._events = yaml.parse(text, Loader=_LOADER)
        self._line = 0  # of the last event, counted from 1

    def read(self) -> Keyring:
        """The whole stream: one document, one form."""
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise KeyFileError(f"{self._origin} is empty; expected {_FORMS}")
        located = self._document(self._next())
        self._next()  # the document's end
        if not isinstance(self._next(), yaml.StreamEndEvent):
            self._fail("expected the end of the file")
        keys = tuple(item.key for item in located)
        repeat = first_repeat(keys)
        if repeat is not None:
            self._fail_repeat(located[repeat.earlier], located[repeat.later], repeat.what)
        return Keyring(keys)

    def _document(self, start: yaml.Event) -> list[_Located]:
        if isinstance(start, yaml.SequenceStartEvent):
            return [_Located(Key(DEFAULT_NAME, self._integers()), self._line, self._line)]
        located: list[_Located] = []
        for field, value in self._fields(start, ("key", "keys"), _FORMS):
            if located:
                self._fail("expected either `key` or `keys`, not both")
            located = self._entries(value) if field == "keys" else [self._single(value)]
        if not located:
            self._fail(f"expected {_FORMS}")
        return located

    def _single(self, value: yaml.Event) -> _Located:
        return _Located(Key(DEFAULT_NAME, self._secret(value)), self._line, self._line)

    def _integers(self) -> bytes:
        secret = bytearray()
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            if len(secret) == SECRET_SIZE:
                self._fail("expected 32 integers, found more")
            secret.append(self._byte(event))
        if len(secret) < SECRET_SIZE:
            self._fail(f"expected 32 integers, found {len(secret)}")
        return bytes(secret)

    def _byte(self, event: yaml.Event) -> int:
        if not isinstance(event, yaml.ScalarEvent) or not _BYTE.fullmatch(event.value) or int(event.value) > 255:
            self._fail("expected an integer from 0 to 255")
        return int(event.value)

    def _entries(self, start: yaml.Event) -> list[_Located]:
        if not isinstance(start, yaml.SequenceStartEvent):
            self._fail("expected a list, each item with a `name` and a `key`")
        located: list[_Located] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            if len(located) == MAX_KEYS:
                self._fail(f"expected at most {MAX_KEYS:,} keys")
            located.append(self._entry(event))
        if not located:
            self._fail("expected at least one key")
        return located

    def _entry(self, start: yaml.Event) -> _Located:
        line = self._line
        name, name_line, secret, secret_line = "", 0, b"", 0
        for field, value in self._fields(start, ("name", "key"), "a `name` and a `key`"):
            if field == "name":
                name, name_line = self._name(value), self._line
            else:
                secret, secret_line = self._secret(value), self._line
        if not (name and secret):
            self._fail("expected both a `name` and a `key`", line)
        return _Located(Key(name, secret), name_line, secret_line)

    def _fields(self, start: yaml.Event, names: tuple[str, ...], expected: str) -> Iterator[tuple[str, yaml.Event]]:
        """The fields of a mapping, each with the event its value starts with; the caller reads on from there."""
        if not isinstance(start, yaml.MappingStartEvent):
            self._fail(f"expected {expected}")
        seen: set[str] = set()
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.value not in names:
                self._fail(f"expected {expected}")
            if event.value in seen:
                self._fail(f"expected `{event.value}` only once")
            seen.add(event.value)
            yield event.value, self._next()

    def _name(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent) or not is_key_name(event.value):
            self._fail(f"expected {NAME_RULE}")
        return str(event.value)

    def _secret(self, event: yaml.Event) -> bytes:
        if not isinstance(event, yaml.ScalarEvent):
            self._fail("expected 32 bytes in base64 (44 characters)")
        try:
            secret = base64.b64decode(event.value, validate=True)
        except ValueError:
            self._fail("expected 32 bytes in base64 (44 characters), found another character or a cut end")
        if len(secret) != SECRET_SIZE:
            self._fail(f"expected 32 bytes in base64 (44 characters), found {len(secret)} bytes")
        if _encode(secret) != event.value:
            self._fail("expected 32 bytes in base64, found a last character that no encoder writes")
        return secret

    def _next(self) -> yaml.Event:
        try:
            event = next(self._events)
        except yaml.MarkedYAMLError as error:
            self._fail("expected YAML; check quotes, colons and indentation", _line_of(error.problem_mark))
        except (yaml.YAMLError, UnicodeError):
            raise KeyFileError(f"{self._origin}: expected text; found characters that no key file has") from None
        self._line = _line_of(event.start_mark)
        return event

    def _fail_repeat(self, earlier: _Located, later: _Located, what: str) -> NoReturn:
        is_name = what == "name"
        line, first_line = (later.name_line, earlier.name_line) if is_name else (later.secret_line, earlier.secret_line)
        self._fail(f"repeats the {what} of line {first_line}; each key may stand only once", line)

    def _fail(self, what: str, line: int = 0) -> NoReturn:
        # Without the cause: the parser's own text quotes the file.
        raise KeyFileError(f"{self._origin}, line {line or self._line}: {what}") from None
