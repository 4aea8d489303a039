"""The extra: one line that names it, if it is missing or can't be used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

from wormhole_tunnel.errors import WormholeError
from wormhole_tunnel.legacy.secretstream import load_sodium


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    load_sodium.cache_clear()
    yield
    load_sodium.cache_clear()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.bindings", None)
    with pytest.raises(WormholeError) as caught:
        load_sodium()
    assert str(caught.value) == "--transport legacy needs PyNaCl: pip install 'wormhole-tunnel[legacy]'"


def test_a_library_without_the_functions_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("nacl._sodium")
    vars(other).update(ffi=object(), lib=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "nacl._sodium", other)
    with pytest.raises(WormholeError, match=r"PyNaCl>=1\.5"):
        load_sodium()
