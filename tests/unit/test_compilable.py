"""The modules that the compiled build compiles (hatch_build.py) keep clear of what mypyc does not compile as it stands."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["hooks"]["custom"][
    "modules"
]
PURE_CALLS = {"len", "min", "max"}  # may be evaluated twice


def calls_in_slices(source: str) -> Iterator[int]:
    """Lines where a slice's bounds call something that may do more than compute: mypyc evaluates them twice."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Slice):
            calls = (call for call in ast.walk(node) if isinstance(call, ast.Call))
            if any(not (isinstance(call.func, ast.Name) and call.func.id in PURE_CALLS) for call in calls):
                yield node.lineno


@pytest.mark.parametrize("module", MODULES)
def test_no_slice_calls_what_must_run_once(module: str) -> None:
    source = (ROOT / "src" / "wormhole_tunnel" / f"{module}.py").read_text()
    assert not list(calls_in_slices(source))


def test_such_a_slice_is_found() -> None:
    assert list(calls_in_slices("out = buffer[: seal_into(buffer)]\n")) == [1]
    assert not list(calls_in_slices("out = buffer[len(head) : size]\n"))
