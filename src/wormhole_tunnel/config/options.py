"""The one table of options.

Command line, environment, configuration file, `--help` and docs/cli.md all derive from it: an option is one entry here
and one field of `config.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from wormhole_tunnel import limits
from wormhole_tunnel.config import access, values
from wormhole_tunnel.config.values import Kind, format_duration, format_size
from wormhole_tunnel.limits import GIB, KIB, MIB
from wormhole_tunnel.observe.levels import LogFormat
from wormhole_tunnel.observe.log_filter import parse_filter
from wormhole_tunnel.observe.log_quiet import QUIET_CLASSES
from wormhole_tunnel.wire.negotiation import FramingMode

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


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
    differs. `mode` is the only one in which the option has an effect. `other_variables` are read after its own.
    `in_file` tells whether a configuration file may have it.
    """

    field: str
    flags: tuple[str, ...]
    kind: Kind
    default: str
    group: Group
    help: str
    server_default: str = ""
    mode: Mode | None = None
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

    def default_for(self, mode: Mode) -> str:
        """The default in that mode, as a user would write it."""
        return self.server_default if mode is Mode.SERVER and self.server_default else self.default


TUNNEL_OPTIONS: Final = (
    Option(
        "mode",
        ("-S", "--server-proxy"),
        values.flag(),
        "false",
        Group.TUNNEL,
        "Be the server proxy, the gateway for a server; otherwise the client proxy.",
    ),
    Option(
        "listen",
        ("-c", "--client"),
        access.listening(),
        "127.0.0.1:8081",
        Group.TUNNEL,
        "Where to listen: for clients, or with -S for client proxies.",
        repeatable=True,
    ),
    Option(
        "connect",
        ("-s", "--server"),
        values.addresses(to_listen=False),
        "127.0.0.1:8080",
        Group.TUNNEL,
        "Where to connect: the server proxy, or with -S the server.",
        repeatable=True,
    ),
    Option(
        "service",
        ("--service",),
        values.optional(access.service_name(), ""),
        "",
        Group.TUNNEL,
        "Which of the server proxy's services to connect clients to; none is its --server.",
        mode=Mode.CLIENT,
    ),
    Option(
        "services",
        ("--services",),
        values.optional(access.services(), ()),
        "",
        Group.TUNNEL,
        "Servers that client proxies may choose by name. There is then no other, unless --server is given too.",
        mode=Mode.SERVER,
        repeatable=True,
    ),
    Option(
        "key_file",
        ("-k", "--key-file"),
        values.file_path(),
        "key.yaml",
        Group.TUNNEL,
        "The secret key, the same at both ends, as wormhole-keygen makes it; - is standard input.",
    ),
    Option(
        "framing",
        ("--framing",),
        values.choice(FramingMode),
        "padded",
        Group.FRAMING,
        "Sizes rounded up; the same and gathered for bandwidth; sizes as they are; or a constant stream.",
    ),
    Option(
        "message_size",
        ("--message-size",),
        values.size(limits.MIN_QUANTUM, limits.MAX_QUANTUM),
        format_size(limits.DEFAULT_QUANTUM),
        Group.FRAMING,
        "What sizes on the link are rounded up to a multiple of.",
    ),
    Option(
        "flush_delay",
        ("--flush-delay",),
        values.duration(0.0, 1.0),
        format_duration(limits.DEFAULT_FLUSH_DELAY),
        Group.FRAMING,
        "How long buffered framing may wait to fill a record.",
    ),
    Option(
        "rate",
        ("--rate",),
        values.rate(KIB, GIB),
        "64KiB/s",
        Group.FRAMING,
        "Bandwidth of constant framing, used whether there is data or not.",
    ),
    Option(
        "transport",
        ("--transport",),
        values.choice(Transport),
        "wormhole",
        Group.LINK,
        "What to speak: protocol 1, or legacy to meet the original wormhole.",
    ),
    Option(
        "links",
        ("--links",),
        values.whole_number(1, 16),
        "1",
        Group.LINK,
        "Links to each server proxy.",
        mode=Mode.CLIENT,
    ),
    Option(
        "prefer",
        ("--prefer",),
        values.choice(Preference),
        "least-load",
        Group.LINK,
        "Which of several addresses to connect to: the one that carries least, or the first that works.",
    ),
    Option(
        "health_interval",
        ("--health-interval",),
        values.duration(0.1, HOUR, or_off=True),
        "0",
        Group.LINK,
        "How often to check by a connection which of several servers work; 0 finds out when it connects a client.",
        mode=Mode.SERVER,
    ),
    Option(
        "resume_timeout",
        ("--resume-timeout",),
        values.duration(1.0, DAY, or_off=True),
        format_duration(limits.RESUME_TIMEOUT),
        Group.LINK,
        "How long connections outlive a lost link; 0 resets them at once.",
    ),
    Option(
        "resume_buffer",
        ("--resume-buffer",),
        values.size(64 * KIB, GIB),
        format_size(limits.RESUME_BUFFER),
        Group.LINK,
        "Data kept until the other end has confirmed it, for each session and direction.",
    ),
    Option(
        "max_skew",
        ("--max-skew",),
        values.duration(1.0, DAY, or_off=True),
        format_duration(limits.MAX_SKEW),
        Group.LINK,
        "How far a client proxy's clock may be off; 0 takes any.",
        mode=Mode.SERVER,
    ),
    Option(
        "connect_timeout",
        ("--connect-timeout",),
        values.duration(0.001, HOUR),
        format_duration(limits.CLIENT_CONNECT_TIMEOUT),
        Group.LIMITS,
        "How long a client waits for its connection; with -S, how long connecting to the server may take.",
        server_default=format_duration(limits.SERVER_CONNECT_TIMEOUT),
    ),
    Option(
        "idle_timeout",
        ("--idle-timeout",),
        values.duration(1.0, 30 * DAY, or_off=True),
        "0",
        Group.LIMITS,
        "End a connection that moved no byte for this long; 0 never does.",
    ),
    Option(
        "half_open_timeout",
        ("--half-open-timeout",),
        values.duration(1.0, 30 * DAY, or_off=True),
        "1h",
        Group.LIMITS,
        "The same for a connection of which one side has finished; 0 never does.",
    ),
    Option(
        "drain_timeout",
        ("--drain-timeout",),
        values.duration(0.0, DAY),
        "25s",
        Group.LIMITS,
        "How long connections may go on once the proxy is told to stop.",
    ),
    Option(
        "max_connections",
        ("--max-connections",),
        values.whole_number(1, limits.MAX_STREAMS),
        str(limits.MAX_STREAMS),
        Group.LIMITS,
        "Connections carried at once.",
    ),
    Option(
        "max_sessions",
        ("--max-sessions",),
        values.whole_number(1, 65_536),
        str(limits.MAX_SESSIONS),
        Group.LIMITS,
        "Client proxies served at once.",
        mode=Mode.SERVER,
    ),
    Option(
        "max_memory",
        ("--max-memory",),
        values.size(16 * MIB, 1024 * GIB),
        "1GiB",
        Group.LIMITS,
        "Memory for data under way, in the whole process.",
    ),
    Option(
        "allow",
        ("--allow",),
        values.optional(access.networks(), ()),
        "",
        Group.ACCESS,
        "From where connections are taken, if not from everywhere; Unix sockets have permissions instead.",
        repeatable=True,
    ),
    Option(
        "max_per_source",
        ("--max-per-source",),
        values.whole_number(0, limits.MAX_STREAMS),
        "0",
        Group.ACCESS,
        "Connections at once from one IPv4 address or IPv6 /64, with -S links; 0 sets no limit.",
    ),
    Option(
        "accept_proxy",
        ("--accept-proxy",),
        values.flag(),
        "false",
        Group.ACCESS,
        "Take the PROXY protocol header, version 1 or 2, that a balancer puts ahead of each connection.",
        mode=Mode.CLIENT,
    ),
    Option(
        "send_proxy",
        ("--send-proxy",),
        values.choice(ProxyHeader),
        "none",
        Group.ACCESS,
        "Tell the server the client's address by a PROXY protocol header ahead of each connection.",
        mode=Mode.SERVER,
    ),
    Option(
        "socket_mode",
        ("--socket-mode",),
        values.permissions(),
        "600",
        Group.UNIX,
        "Permissions of a Unix socket that is listened on.",
    ),
    Option(
        "socket_owner",
        ("--socket-owner",),
        values.owner(),
        "",
        Group.UNIX,
        "Its owner, if not the user that starts the proxy.",
    ),
)

PROGRAM_OPTIONS: Final = (
    Option(
        "status",
        ("--status",),
        values.optional(values.addresses(to_listen=True), ()),
        "",
        Group.STATUS,
        "Where to serve a page with the state, /metrics for Prometheus, /status.json, /healthz and /readyz.",
        repeatable=True,
    ),
    Option(
        "status_token_file",
        ("--status-token-file",),
        values.optional(values.file_path(or_input=False), ""),
        "",
        Group.STATUS,
        "The token that --status asks for; needed where others than this host can reach it.",
    ),
    Option(
        "log",
        ("--log",),
        values.checked_text("FILTER", "a level, or target=level with commas between", parse_filter),
        "info",
        Group.LOGS,
        "What to log: off, error, warn, info, debug or trace, or by part as in info,wormhole.net=debug.",
        other_variables=("RUST_LOG",),
    ),
    Option(
        "log_format",
        ("--log-format",),
        values.choice(LogFormat),
        "text",
        Group.LOGS,
        "How to log, on standard error.",
    ),
    Option(
        "quiet",
        ("--quiet",),
        values.optional(values.several(tuple(QUIET_CLASSES)), frozenset()),
        "",
        Group.LOGS,
        "What not to log, though the level would.",
        repeatable=True,
    ),
    Option(
        "user",
        ("--user",),
        values.optional(access.user(), ""),
        "",
        Group.PROCESS,
        "Which user to become once everything listens.",
    ),
    Option(
        "config",
        ("--config",),
        values.optional(values.file_path(or_input=False), ""),
        "",
        Group.PROCESS,
        "A configuration file, for one or several tunnels; what is given beside it wins.",
        in_file=False,
    ),
    Option(
        "check_config",
        ("--check-config",),
        values.flag(),
        "false",
        Group.PROCESS,
        "Read options, configuration and keys, say whether all is well, and end.",
        in_file=False,
    ),
)

OPTIONS: Final = TUNNEL_OPTIONS + PROGRAM_OPTIONS
