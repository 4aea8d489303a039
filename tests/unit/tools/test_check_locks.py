"""What the check of the locks finds wrong."""

from __future__ import annotations

import pytest

from tools.check_locks import faults_of_lock, faults_of_pins

LOCK = "click==8.2.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\nPyYAML==6.0.3 \\\n    --hash=sha256:02\n"


def test_a_lock_that_satisfies_is_without_fault() -> None:
    assert not [*faults_of_lock("core.txt", LOCK), *faults_of_pins("core", LOCK, ["click>=8.1", "pyyaml>=6"])]


@pytest.mark.parametrize("wanted", ["click>=9", "rich"])
def test_a_requirement_that_is_not_met_is_named(wanted: str) -> None:
    [fault] = faults_of_pins("core", LOCK, [wanted])
    assert wanted in fault


@pytest.mark.parametrize("line", ["rich==15.0.0\n", "--index-url packages\n", "--find-links https://example.org/\n"])
def test_a_package_without_hash_and_a_named_source_are_faults(line: str) -> None:
    [fault] = faults_of_lock("core.txt", LOCK + line)
    assert line.strip() in fault
