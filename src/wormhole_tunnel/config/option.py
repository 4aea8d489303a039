"""What an option is, and the words that some of them take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wormhole_tunnel.config.values import Kind


class Mode(Enum):
    """Which end of the tunnel a process is."""

    CLIENT = "client"
    SERVER = "server"


class Transport(Enum):
    """What two proxies speak to each other."""

    WORMHOLE = "wormhole"
    LEGACY = "legacy"


class Preference(Enum):
    """Which of several destinations a new connection goes to."""

    LEAST_LOAD = "least-load"
    ORDERED = "ordered"


class ProxyHeader(Enum):
    """Which PROXY protocol header a server gets ahead of a connection."""

    NONE = "none"
    V1 = "v1"
    V2 = "v2"


class Group(Enum):
    """Headings of `--help`, in its order."""

    TUNNEL = "Tunnel"
    FRAMING = "What an observer sees"
    LINK = "Links and sessions"
    LIMITS = "Limits and times"
    ACCESS = "Who may connect, and who is said to"
    UNIX = "Unix sockets"
    STATUS = "Watching it"
    LOGS = "Logs"
    PROCESS = "The process"


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    `field` names it in the settings. `default` is written as a user would, `server_default` is that of `-S` where it
    differs. `mode` is the only one in which the option has an effect, and `legacy` tells whether it has any on the legacy
    transport. `other_variables` are read after its own. `in_file` tells whether a configuration file may have it.
    """

    field: str
    flags: tuple[str, ...]
    kind: Kind
    default: str
    group: Group
    help: str
    server_default: str = ""
    mode: Mode | None = None
    legacy: bool = True
    repeatable: bool = False
    other_variables: tuple[str, ...] = ()
    in_file: bool = True

    @property
    def name(self) -> str:
        """The long flag as a Python name, as in `key_file`."""
        return self.flags[-1].removeprefix("--").replace("-", "_")

    @property
    def file_name(self) -> str:
        """What it is called in a configuration file."""
        return self.field if self.field in ("mode", "listen") else self.name

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables, the first that is set and not empty counts."""
        return (f"WORMHOLE_{self.name.upper()}", *self.other_variables)

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value on the command line."""
        return not self.kind.metavar

    def without_effect(self, mode: Mode, transport: Transport) -> Mode | Transport | None:
        """Which of the two the option has no effect with, if it has none."""
        if self.mode not in (None, mode):
            return mode
        return None if self.legacy or transport is not Transport.LEGACY else transport

    def default_for(self, mode: Mode) -> str:
        """The default in that mode, as a user would write it."""
        return self.server_default if mode is Mode.SERVER and self.server_default else self.default
