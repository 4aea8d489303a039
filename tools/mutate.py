"""Mutation testing: change the core's code in one place at a time, and see whether a test notices.

    python tools/mutate.py [MODULE ...]          as in `session` or `retention`; all of `TESTS` without a name

What changes is up to cosmic-ray (requirements/mutation.txt). Each mutant runs in a process of its own, forked from one that
has imported pytest already, so that most take a second. A mutant that no test notices has survived: it needs a test, or a
reason in tools/mutants.txt why it may. The exit code is 1 if one has neither.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cosmic_ray.plugins
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT: Final = Path(__file__).resolve().parent.parent
EXPLAINED: Final = ROOT / "tools" / "mutants.txt"
PACKAGE: Final = "wormhole_tunnel"
ENGINE: Final = tuple(
    f"tests/engine/test_{name}.py"
    for name in (
        "session",
        "session_edges",
        "ends",
        "windows",
        "violations",
        "link_frames",
        "liveness",
        "leaving",
        "link",
    )
)
SLOW: Final = ("tests/engine/test_properties.py", "tests/engine/attacks", "tests/engine/resume/test_suspicion.py")
RESUMING: Final = ("tests/engine/resume/test_attacks.py", "tests/engine/resume/test_cuts.py")

# By module: the tests that most likely notice, and the others that might.
TESTS: Final[dict[str, tuple[Sequence[str], Sequence[str]]]] = {
    "wire.handshake": (("tests/unit/wire",), ("tests/engine/attacks", "tests/engine/test_link.py")),
    "wire.records": (("tests/unit/wire",), ("tests/engine/attacks", "tests/engine/test_session.py")),
    "session.session": ((*ENGINE, "tests/unit/session"), (*RESUMING, *SLOW)),
    "session.outbound": (("tests/unit/session", *ENGINE), (*RESUMING, *SLOW)),
    "session.retention": (("tests/unit/session", *ENGINE), (*RESUMING, *SLOW)),
    "session.stream": (("tests/unit/session", *ENGINE), (*RESUMING, *SLOW)),
    "session.resume": (("tests/engine/resume/test_attacks.py",), ("tests/engine/resume/test_cuts.py",)),
}

# Other replacements of an arithmetic operator than by these mostly fail at once; `is` and `==` are the same for members of
# an enumeration, None and booleans, and `is` means nothing for numbers; annotations are not run.
_ARITHMETIC: Final = ("_Add", "_Sub", "_Mul")
_SAME: Final = ("Is_Eq", "IsNot_NotEq", "BitOr_")
_IDENTITY: Final = ("_Is", "_IsNot")
_QUICK_SECONDS, _SLOW_SECONDS, _KILL_AFTER, _MEMORY = 60, 300, 5, 3 << 30
_OPTIONS: Final = ("-q", "-x", "--tb=no", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=60")


@dataclass(frozen=True)
class Mutant:
    """One change: the module's whole text with it, and the line that it is in."""

    text: str
    line: int
    changed: str


class _Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self._name, self._path, self._text = name, path, text

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self._path))

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self._text, str(self._path), "exec"), module.__dict__)  # noqa: S102 - it is our own module with one change


def mutants(text: str) -> Iterator[Mutant]:
    """Every change of a module's text that is worth a try."""
    tree = get_ast(text)
    for name in cosmic_ray.plugins.operator_names():
        operator_class = cosmic_ray.plugins.get_operator(name)
        if operator_class.arguments() or not _worth_trying(name):
            continue
        operator = operator_class()
        places = sum(1 for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
        for occurrence in range(places):
            mutant = _mutant(text, mutate_code(text, operator, occurrence))
            if mutant is not None:
                yield mutant


def _worth_trying(operator: str) -> bool:
    if operator.endswith(_IDENTITY) or any(part in operator for part in _SAME):
        return False
    return "BinaryOperator" not in operator or operator.endswith(_ARITHMETIC)


def _mutant(before: str, after: str | None) -> Mutant | None:
    if after is None:
        return None
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    number, line = next(((number, new) for number, (old, new) in enumerate(pairs, 1) if old != new), (0, ""))
    return Mutant(after, number, " ".join(line.split())) if number else None


def start(module: str, text: str) -> int:
    """Run the module's tests with this text in another process; its exit code is 0 if none of them noticed."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = _run_tests(module, text)
    finally:
        os._exit(code)


def _run_tests(module: str, text: str) -> int:
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(silence, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, _Replaced(f"{PACKAGE}.{module}", _path(module), text))
    for seconds, tests in zip((_QUICK_SECONDS, _SLOW_SECONDS), TESTS[module], strict=True):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, _SLOW_SECONDS + _KILL_AFTER))
        if code := int(pytest.main([*_OPTIONS, *tests])):
            return code
    return 0


def survivors(module: str) -> Iterator[Mutant]:
    """Try every mutant of the module, one on each processor."""
    text = _path(module).read_text()
    _, status = os.waitpid(start(module, text), 0)
    if status:
        raise SystemExit(f"{module}: its tests fail as it is")
    running: dict[int, Mutant] = {}
    for mutant in mutants(text):
        running[start(module, mutant.text)] = mutant
        if len(running) >= (os.cpu_count() or 1):
            yield from _next_survivor(running)
    while running:
        yield from _next_survivor(running)


def _next_survivor(running: dict[int, Mutant]) -> Iterator[Mutant]:
    pid, status = os.wait()
    mutant = running.pop(pid)
    if status == 0:
        yield mutant


def explained() -> dict[tuple[str, str], str]:
    """Why a mutant may survive, by its module and changed line. A reason stands above its mutants, behind a `#`."""
    found: dict[tuple[str, str], str] = {}
    reason = ""
    for line in filter(None, EXPLAINED.read_text().splitlines()):
        if line.startswith("#"):
            reason = line.removeprefix("# ")
        else:
            module, _, changed = line.partition(": ")
            found[module, changed] = reason
    return found


def _path(module: str) -> Path:
    return ROOT / "src" / PACKAGE / f"{module.replace('.', '/')}.py"


def main() -> None:
    """Try the modules that were named, and report."""
    parser = argparse.ArgumentParser(
        description="Change the core's code in one place at a time; see whether a test notices."
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)} (default: all)")
    wanted = parser.parse_args().modules
    os.chdir(ROOT)
    known = explained()
    missing = 0
    for module in TESTS:
        if wanted and not any(module.endswith(name) for name in wanted):
            continue
        print(f"{module}: {sum(1 for _ in mutants(_path(module).read_text()))} mutants", flush=True)
        for mutant in survivors(module):
            reason = known.get((module, mutant.changed))
            missing += reason is None
            print(
                f"{module}:{mutant.line}: survived: {mutant.changed}  # {reason or 'needs a test, or a reason'}",
                flush=True,
            )
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
