"""`python -m wormhole_tunnel` is the command `wormhole`."""

from __future__ import annotations

import sys

from wormhole_tunnel.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
