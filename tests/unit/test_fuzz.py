"""The fuzzer's targets on the inputs that were kept: a part of the tests, with no fuzzer installed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fuzz.source import Source
from fuzz.targets import CORPUS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_corpus(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    for path in inputs:
        TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_target_takes_nothing_at_all(target: Callable[[bytes], None]) -> None:
    target(b"")


def test_every_corpus_has_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_a_source_that_is_used_up_gives_zeros() -> None:
    source = Source(b"\x02ab\x07")
    assert (source.piece(), source.below(4), source.exhausted) == (b"ab", 3, True)
    assert (source.integer(2), source.piece(), source.rest()) == (0, b"", b"")


def test_a_source_changes_what_it_is_given_as_it_says() -> None:
    one_byte_flipped_and_cut = Source(bytes([1, 0, 1, 0xFF, 1, 0, 2]))
    assert one_byte_flipped_and_cut.changed(b"abc") == b"a" + bytes([ord("b") ^ 0xFF])
    assert Source(b"\0\2\2xy").changed(b"abc") == b"abcxy"
