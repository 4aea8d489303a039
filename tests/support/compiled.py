"""Whether the package under test is a compiled build (hatch_build.py), as `make compiled` tests it."""

from __future__ import annotations

from typing import Final

from wormhole_tunnel import __version__, limits

COMPILED: Final = not limits.__file__.endswith(".py")
VERSION: Final = f"{__version__} (compiled)" if COMPILED else __version__
