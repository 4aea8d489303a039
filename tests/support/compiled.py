"""What the package under test says of itself: a compiled build (hatch_build.py) tells, as `make compiled` tests it."""

from __future__ import annotations

from typing import Final

from wormhole_tunnel import __version__, limits

VERSION: Final = __version__ if limits.__file__.endswith(".py") else f"{__version__} (compiled)"
