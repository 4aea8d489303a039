"""Write docs/config.schema.json, the JSON Schema of a configuration file, from the table of options.

With `--check`, only say whether it is up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from wormhole_tunnel.config.document import MAX_TUNNELS, TUNNELS
from wormhole_tunnel.config.options import OPTIONS, PROGRAM_OPTIONS, TUNNEL_OPTIONS, Mode, Option

FILE = Path(__file__).resolve().parent.parent / "docs" / "config.schema.json"
Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NUMBER_OR_TEXT: Final[Schema] = {"type": ["string", "number"]}
_ADDRESSES: Final[Schema] = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_BY_METAVAR: Final = {
    "N": {"type": "integer"},
    "SIZE": _NUMBER_OR_TEXT,
    "TIME": _NUMBER_OR_TEXT,
    "RATE": _NUMBER_OR_TEXT,
    "MODE": _NUMBER_OR_TEXT,
}
_ONLY: Final = {None: "", Mode.CLIENT: "For a client proxy only. ", Mode.SERVER: "For a server proxy only. "}


def schema() -> Schema:
    """The whole schema."""
    tunnel = {option.file_name: _field(option) for option in TUNNEL_OPTIONS}
    process = {option.file_name: _field(option) for option in PROGRAM_OPTIONS if option.in_file}
    tunnels = {
        "description": "The tunnels of the process. Without this list the file describes one tunnel.",
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_TUNNELS,
        "items": {"type": "object", "additionalProperties": False, "properties": tunnel},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wormhole.yaml",
        "description": "A configuration file of wormhole (docs/configuration.md).",
        "type": "object",
        "additionalProperties": False,
        "properties": {**process, **tunnel, TUNNELS: tunnels},
    }


def _field(option: Option) -> Schema:
    described: Schema = {"description": f"{_ONLY[option.mode]}{option.help} {_allowed(option)}"}
    if option.default:
        described["default"] = _default(option)
    return described | _values(option)


def _allowed(option: Option) -> str:
    return "" if option.field == "mode" else f"Takes {option.kind.allowed}."


def _default(option: Option) -> object:
    if option.field == "mode":
        return "client"
    if option.is_flag:
        return option.default == "true"
    return int(option.default) if option.kind.metavar == "N" else option.default


def _values(option: Option) -> Schema:
    if option.field == "mode":
        return {"enum": [mode.value for mode in Mode]}
    if option.field == "services":
        return {"type": "object", "minProperties": 1, "additionalProperties": _ADDRESSES}
    if option.is_flag:
        return {"type": "boolean"}
    if option.repeatable:
        return _ADDRESSES
    if option.kind.words:
        return {"enum": list(option.kind.words)}
    return _BY_METAVAR.get(option.kind.metavar, _TEXT)


def text() -> str:
    """The file's text."""
    assert len({option.file_name for option in OPTIONS}) == len(OPTIONS)
    return json.dumps(schema(), indent=2) + "\n"


def main() -> int:
    """Write the file, or with `--check` compare; returns the exit code."""
    if sys.argv[1:] == ["--check"]:
        current = FILE.exists() and FILE.read_text(encoding="utf-8") == text()
        if not current:
            sys.stderr.write(f"{FILE.name} is out of date: run tools/make_config_schema.py\n")
        return 0 if current else 1
    FILE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
