"""What the memory of a proxy is kept from."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
from wormhole_tunnel.proxy.privileges import protect_memory
protect_memory()
print(resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_core_is_dumped() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "(0, 0)\n"
