"""What `wormhole` does without a sub-command: gather the settings, start the log, run the proxies."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from wormhole_tunnel.config.settings import from_sources
from wormhole_tunnel.observe import logs
from wormhole_tunnel.proxy.run import run


def run_proxy(typed: Mapping[str, str]) -> int:
    """Run until the proxies end; returns the exit code. `typed` are the options of the command line by name.

    Raises WormholeError.
    """
    settings = from_sources(typed, os.environ)
    with logs.setup(settings.program.log, settings.program.log_format, sys.stderr):
        return run(list(settings.tunnels))
