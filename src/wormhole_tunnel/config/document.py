"""A configuration file as text: YAML mappings whose values stay as they were typed, each with its line.

    log: info                        an option of the process
    key_file: key.yaml               an option of every tunnel that has none of its own
    tunnels:
      - mode: server                 options of one tunnel
        services: {redis: 127.0.0.1:6379}

Values are never YAML's numbers or booleans: `660` and `off` mean what they mean on the command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from wormhole_tunnel.config.keysource import STANDARD_STREAM
from wormhole_tunnel.config.options import OPTIONS, PROGRAM_OPTIONS, TUNNEL_OPTIONS, Option
from wormhole_tunnel.errors import ConfigError

TUNNELS: Final = "tunnels"
MAX_TUNNELS: Final = 256
_MAX_SIZE: Final = 1 << 20
_NULL: Final = "tag:yaml.org,2002:null"
_MODES: Final = {"client": "false", "server": "true"}


@dataclass(frozen=True, slots=True)
class Field:
    """The value of an option: its text as on the command line, and where it stands, as in `tunnels[1].rate`."""

    text: str
    path: str
    line: int


Fields = Mapping[str, Field]  # by the option's name


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel's own options, and where it begins."""

    fields: Fields
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """All of a file. Without a list of tunnels `tunnels` is empty, and `shared` describes the only one."""

    origin: str
    shared: Fields
    tunnels: tuple[Tunnel, ...]


def read_document(path: str) -> Document:
    """The configuration file at `path`.

    Raises ConfigError: one line with the file, the line, the field and what is allowed.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: the configuration can't be read: {error.strerror}") from error
    if len(data) > _MAX_SIZE:
        raise ConfigError(f"{path}: larger than any configuration (1 MiB)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected text in UTF-8") from None
    return parse_document(text, path)


def parse_document(text: str, origin: str) -> Document:
    """A configuration's text; paths of files in it are relative to the folder of `origin`.

    Raises ConfigError.
    """
    return _Reader(origin).read(text)


class _Reader:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._folder = Path(origin).parent

    def read(self, text: str) -> Document:
        root = self._compose(text)
        if root is None:
            raise ConfigError(f"{self._origin} is empty: expected options, as in `mode: server`")
        shared: dict[str, Field] = {}
        tunnels: tuple[Tunnel, ...] = ()
        allowed = [*_by_file_name(OPTIONS), TUNNELS]
        for name, node in self._items(root, "", allowed):
            if name == TUNNELS:
                tunnels = tuple(self._tunnels(node))
            else:
                self._add(shared, name, node, name)
        return Document(self._origin, shared, tunnels)

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise self._mistake(line, f"expected YAML: {error.problem or error.context}") from None
        except (yaml.YAMLError, RecursionError):
            raise ConfigError(f"{self._origin}: expected YAML text, nested no deeper than the options are") from None
        return node

    def _tunnels(self, node: yaml.Node) -> Iterator[Tunnel]:
        if not isinstance(node, yaml.SequenceNode) or not 0 < len(node.value) <= MAX_TUNNELS:
            raise self._mistake(_line(node), f"{TUNNELS}: expected a list of 1 to {MAX_TUNNELS} tunnels")
        for index, item in enumerate(node.value):
            path = f"{TUNNELS}[{index}]"
            fields: dict[str, Field] = {}
            for name, value in self._items(item, path, _by_file_name(TUNNEL_OPTIONS)):
                self._add(fields, name, value, f"{path}.{name}")
            yield Tunnel(fields, path, _line(item))

    def _items(self, node: yaml.Node, path: str, allowed: Iterable[str]) -> Iterator[tuple[str, yaml.Node]]:
        where = f"{path}: " if path else ""
        if not isinstance(node, yaml.MappingNode):
            raise self._mistake(_line(node), f"{where}expected options, as in `mode: server`")
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in allowed:
                raise self._mistake(_line(key), f"{where}{_unknown(name, allowed)}")
            if name in first_lines:
                raise self._mistake(_line(key), f"{where}`{name}` stands already in line {first_lines[name]}")
            first_lines[name] = _line(key)
            yield name, value

    def _add(self, fields: dict[str, Field], file_name: str, node: yaml.Node, path: str) -> None:
        option = _by_file_name(OPTIONS)[file_name]
        fields[option.name] = Field(self._text(option, node, path), path, _line(node))

    def _text(self, option: Option, node: yaml.Node, path: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar_text(option, node, path)
        has_names = option.field == "services"
        if isinstance(node, yaml.MappingNode) and has_names:
            return ",".join(self._service_texts(node, path))
        if isinstance(node, yaml.SequenceNode) and option.repeatable and not has_names:
            return ",".join(self._scalar(item, path) for item in node.value)
        expected = "a mapping of names to addresses" if has_names else option.kind.allowed
        raise self._mistake(_line(node), f"{path}: expected {expected}")

    def _scalar_text(self, option: Option, node: yaml.ScalarNode, path: str) -> str:
        text = self._scalar(node, path)
        if option.field == "mode":
            if text not in _MODES:
                raise self._mistake(_line(node), f"{path}: {text!r} is not allowed: use {' or '.join(_MODES)}")
            return _MODES[text]
        if option.kind.is_file and text and text != STANDARD_STREAM:
            return str(self._folder / text)
        return text

    def _service_texts(self, node: yaml.MappingNode, path: str) -> Iterator[str]:
        names: set[str] = set()
        for key, value in node.value:
            name = self._scalar(key, path)
            if name in names:
                raise self._mistake(_line(key), f"{path}: the service `{name}` stands twice")
            names.add(name)
            addresses = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for address in addresses:
                yield f"{name}={self._scalar(address, f'{path}.{name}')}"

    def _scalar(self, node: yaml.Node, path: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
            raise self._mistake(_line(node), f"{path}: expected a value")
        return str(node.value)

    def _mistake(self, line: int, message: str) -> ConfigError:
        return ConfigError(f"{self._origin}, line {line}: {message}")


def _by_file_name(options: Iterable[Option]) -> dict[str, Option]:
    return {option.file_name: option for option in options if option.in_file}


def _unknown(name: str, allowed: Iterable[str]) -> str:
    program_options = _by_file_name(PROGRAM_OPTIONS)
    if name in program_options:
        return f"`{name}` is the process's: put it at the top of the file"
    close = difflib.get_close_matches(name.replace("-", "_"), allowed, 1)
    advice = f"did you mean `{close[0]}`?" if close else f"use some of {', '.join(allowed)}"
    return f"there is no option `{name}`: {advice}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
