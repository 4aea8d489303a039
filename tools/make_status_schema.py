"""Write docs/status.schema.json from the status document's dataclasses. With `--check`, only say if it is up to date."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from wormhole_tunnel.observe.status.document import VERSION, StatusDocument

SCHEMA = Path(__file__).resolve().parent.parent / "docs" / "status.schema.json"
SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}

Json = dict[str, object]


def schema() -> str:
    """Return the whole schema (JSON Schema, draft 2020-12)."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"wormhole status, version {VERSION}",
    }
    document = _object(StatusDocument)
    properties = document["properties"]
    assert isinstance(properties, dict)
    properties["version"] = {"const": VERSION}
    return json.dumps(head | document, indent=2) + "\n"


def _object(kind: type) -> Json:
    """A dataclass. Fields may be added later, so others are allowed."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return {"type": "object", "required": names, "properties": {name: _type(hints[name]) for name in names}}


def _type(hint: object) -> Json:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    if isinstance(hint, types.UnionType):
        return {"anyOf": [_type(argument) for argument in arguments]}
    assert isinstance(hint, type), hint
    if issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    return {"type": SIMPLE[hint]} if hint in SIMPLE else _object(hint)


def main() -> int:
    """Write the schema, or with `--check` compare; returns the exit code."""
    if sys.argv[1:] == ["--check"]:
        current = SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == schema()
        if not current:
            sys.stderr.write(f"{SCHEMA.name} is out of date: run tools/make_status_schema.py\n")
        return 0 if current else 1
    SCHEMA.write_text(schema(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
