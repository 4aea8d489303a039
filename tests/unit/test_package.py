"""What the package gives to an application, and what it costs one that asks for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wormhole_tunnel


@pytest.mark.parametrize("name", wormhole_tunnel.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(wormhole_tunnel, name) is not None
    assert name in dir(wormhole_tunnel)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Proxy'"):
        _ = wormhole_tunnel.__getattr__("Proxy")


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, wormhole_tunnel; print([name for name in ('asyncio', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
