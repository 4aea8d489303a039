"""One target under the fuzzer: `python -m fuzz.worker TARGET [OPTION OR FOLDER]...`, as libFuzzer takes them."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import atheris

with atheris.instrument_imports(include=["wormhole_tunnel"]):  # only what is imported in here is watched
    targets = import_module("fuzz.targets")


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name, *options = sys.argv[1:]
    atheris.Setup([os.environ.get("FUZZ_WORKER", sys.argv[0]), *options], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
