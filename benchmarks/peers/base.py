"""What a peer is: two commands for a route, and the programs they need."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Command = list[str]

CIPHERSUITE = "TLS_AES_128_GCM_SHA256"
SERVER_NAME = "wormhole-benchmark"


# What a proxy needs beside its connections: listeners, logs, event queues, haproxy's own reckoning.
_SPARE_DESCRIPTORS = 500


def descriptor_limit() -> int:
    """Return how many descriptors a process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def most_connections(descriptors_each: int) -> int:
    """Return how many connections one proxy can hold under the present limit of descriptors."""
    return (descriptor_limit() - _SPARE_DESCRIPTORS) // descriptors_each


@dataclass(frozen=True, slots=True)
class Route:
    """The loopback ports of one pair, in the order in which traffic goes.

    `link_dial` differs from `link_listen` when something stands between the two proxies.
    """

    client: int
    link_dial: int
    link_listen: int
    server: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets and certificates of one run, as files."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def certificate(self) -> Path:
        """The server's certificate followed by its private key."""
        return self.folder / "server.pem"

    @property
    def shared_key(self) -> Path:
        """32 random bytes."""
        return self.folder / "shared.key"


@dataclass(frozen=True, slots=True)
class Commands:
    """The two commands of a pair. `setup` runs to its end beforehand."""

    server: Command
    client: Command
    setup: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to measure. `build` writes its configuration into a folder and returns its commands.

    `programs` maps each command that is needed to the Debian package that has it. Without `build` there is no proxy.
    `descriptors` is how many a proxy holds for each connection.
    """

    name: str
    settings: str
    programs: dict[str, str] = field(default_factory=dict)
    version: Command = field(default_factory=list)
    descriptors: int = 2
    build: Callable[[Route, Credentials, Path], Commands] | None = None
