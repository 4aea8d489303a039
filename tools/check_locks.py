"""Check that requirements/*.txt satisfy pyproject.toml, carry hashes, and name no registry.

Runs in `make check`, so that a dependency can't be added without `make lock`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)")


def pins(lock: str) -> dict[str, str]:
    """Return the version that a lock pins for each package."""
    matches = (PINNED.match(line) for line in lock.splitlines())
    return {canonicalize_name(match["name"]): match["version"] for match in matches if match}


def faults_of_lock(name: str, lock: str) -> Iterator[str]:
    """Yield what is wrong with a lock by itself."""
    entries = lock.replace("\\\n", " ").splitlines()
    yield from (
        f"{name}: no hash: {entry}" for entry in entries if PINNED.match(entry) and "--hash=sha256:" not in entry
    )
    yield from (f"{name}: names a host or an index: {entry}" for entry in entries if re.search(r"://|index-url", entry))


def faults_of_pins(name: str, lock: str, wanted: list[str]) -> Iterator[str]:
    """Yield each requirement that a lock lacks or does not satisfy."""
    pinned = pins(lock)
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            yield f"{name}: {requirement} is wanted, {version or 'nothing'} is locked; run `make lock`"


def wanted_by_lock(pyproject: dict[str, Any]) -> dict[str, list[str]]:
    """Return what pyproject.toml wants in each lock."""
    core = pyproject["project"]["dependencies"]
    extras = [requirement for extra in pyproject["project"]["optional-dependencies"].values() for requirement in extra]
    groups = pyproject["dependency-groups"]
    build = pyproject["build-system"]["requires"]
    return {
        "core": core,
        "all": core + extras,
        "dev": core + extras + build + groups["dev"],
        "build": build + groups["build"],
        "fuzz": groups["fuzz"],
        "lock": groups["lock"],
    }


def main() -> int:
    """Print every fault, and return 1 if there was one."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    faults: list[str] = []
    for name, wanted in wanted_by_lock(pyproject).items():
        path = ROOT / "requirements" / f"{name}.txt"
        lock = path.read_text()
        faults += [*faults_of_lock(path.name, lock), *faults_of_pins(path.name, lock, wanted)]
    print("\n".join(faults), end="\n" * bool(faults), file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
