"""Settings of a tunnel and of the process, gathered from command line, environment and file.

The command line wins over the environment, the environment over a file, and that over the table's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wormhole_tunnel import limits
from wormhole_tunnel.config.access import Network, Service
from wormhole_tunnel.config.options import (
    OPTIONS,
    PROGRAM_OPTIONS,
    TUNNEL_OPTIONS,
    Mode,
    Option,
    Preference,
    ProxyHeader,
    Transport,
)
from wormhole_tunnel.config.values import NotAllowedError, format_duration
from wormhole_tunnel.errors import UsageError, WormholeError
from wormhole_tunnel.net.addresses import Address, ListenAddress, TcpAddress, is_local
from wormhole_tunnel.net.bind import UnixPermissions
from wormhole_tunnel.observe.logs import LogFormat
from wormhole_tunnel.wire.negotiation import FramingMode

__all__ = [
    "Mode",
    "Preference",
    "ProgramSettings",
    "ProxyHeader",
    "Service",
    "Settings",
    "Source",
    "Transport",
    "TunnelSettings",
    "command_line_source",
    "environment_source",
    "from_sources",
    "parse_values",
    "program_settings",
    "tunnel_settings",
]

_SHOWN: Final = 80  # characters of a value that an error quotes

_DEFAULT_LISTEN: Final = (TcpAddress("127.0.0.1", 8081),)
_DEFAULT_CONNECT: Final = (TcpAddress("127.0.0.1", 8080),)
_CONNECT_TIMEOUTS: Final = {Mode.CLIENT: limits.CLIENT_CONNECT_TIMEOUT, Mode.SERVER: limits.SERVER_CONNECT_TIMEOUT}


_TYPED: Final = {Mode.CLIENT: "without -S", Mode.SERVER: "with -S", Transport.LEGACY: "with --transport legacy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelSettings:
    """One tunnel's end. Sizes are in bytes, times in seconds, the rate in bytes per second.

    The defaults are those of the table of options.

    `connect_timeout` left at 0 becomes the default of the mode. `health_interval`, `half_open_timeout`, `idle_timeout`,
    `max_per_source`, `max_skew` and `resume_timeout` of 0 are off. Nobody is refused by an empty `allow`. `key_file` may
    be `-`, standard input. Owner and group of -1 are left as they are.
    """

    mode: Mode = Mode.CLIENT
    listen: tuple[ListenAddress, ...] = _DEFAULT_LISTEN
    connect: tuple[Address, ...] = _DEFAULT_CONNECT
    service: str = ""
    services: tuple[Service, ...] = ()
    key_file: str = "key.yaml"
    framing: FramingMode = FramingMode.PADDED
    message_size: int = limits.DEFAULT_QUANTUM
    flush_delay: float = limits.DEFAULT_FLUSH_DELAY
    rate: int = 64 * limits.KIB
    transport: Transport = Transport.WORMHOLE
    links: int = 1
    prefer: Preference = Preference.LEAST_LOAD
    health_interval: float = 0.0
    resume_timeout: float = limits.RESUME_TIMEOUT
    resume_buffer: int = limits.RESUME_BUFFER
    max_skew: float = limits.MAX_SKEW
    connect_timeout: float = 0.0
    idle_timeout: float = 0.0
    half_open_timeout: float = 3600.0
    drain_timeout: float = 25.0
    max_connections: int = limits.MAX_STREAMS
    max_sessions: int = limits.MAX_SESSIONS
    max_memory: int = limits.GIB
    allow: tuple[Network, ...] = ()
    max_per_source: int = 0
    accept_proxy: bool = False
    send_proxy: ProxyHeader = ProxyHeader.NONE
    socket_mode: int = 0o600
    socket_owner: tuple[int, int] = (-1, -1)

    def __post_init__(self) -> None:
        """Fill in what depends on the mode, and check what depends on two options.

        Raises UsageError.
        """
        if not self.connect_timeout:
            object.__setattr__(self, "connect_timeout", _CONNECT_TIMEOUTS[self.mode])
        if self.framing is FramingMode.CONSTANT and self.interval < limits.MIN_CONSTANT_INTERVAL:
            shortest = format_duration(limits.MIN_CONSTANT_INTERVAL)
            raise UsageError(
                f"--rate with this --message-size means a record every {self.interval * 1000:.3g}ms, "
                f"and the shortest is {shortest}: use a larger --message-size or a lower --rate"
            )

    @property
    def interval(self) -> float:
        """Seconds between two records of constant framing."""
        return self.message_size / self.rate

    @property
    def permissions(self) -> UnixPermissions:
        """Those of a Unix socket that is listened on."""
        return UnixPermissions(self.socket_mode, *self.socket_owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSettings:
    """What holds for the whole process: the log's filter, form and silenced classes, where the status is served, and the
    user it runs as. `config` is the configuration file that the settings came from, if any.
    """

    status: tuple[Address, ...] = ()
    status_token_file: str = ""
    log: str = "info"
    log_format: LogFormat = LogFormat.TEXT
    quiet: frozenset[str] = frozenset()
    user: str = ""
    config: str = ""
    check_config: bool = False

    def __post_init__(self) -> None:
        """Check that nobody but this host sees the status without a token.

        Raises UsageError.
        """
        for address in self.status:
            if not self.status_token_file and not is_local(address):
                raise UsageError(
                    f"--status {address} can be reached from other hosts: give --status-token-file, or a loopback address"
                )


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run needs."""

    tunnels: tuple[TunnelSettings, ...]
    program: ProgramSettings


@dataclass(frozen=True, slots=True)
class Source:
    """Where values come from, as text by option name; `label` says in an error what to mend.

    An error has its own class, or `error` if that is given.
    """

    values: Mapping[str, str]
    label: Callable[[Option], str]
    error: type[WormholeError] | None = None


def command_line_source(given: Mapping[str, str]) -> Source:
    """What was typed, by option name."""
    return Source(given, lambda option: "/".join(option.flags))


def environment_source(environ: Mapping[str, str]) -> Source:
    """The variables of the options; an empty one counts as not set."""
    variables = {option.name: _variable(option, environ) for option in OPTIONS}
    found = {name: environ[variable] for name, variable in variables.items() if variable}
    return Source(found, lambda option: variables[option.name])


def from_sources(command_line: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """The settings of a process with one tunnel.

    Raises UsageError or AddressError: one line with the option or variable, and what it allows.
    """
    typed = command_line_source(command_line)
    sources = (typed, environment_source(environ))
    tunnel = tunnel_settings(sources)
    _refuse_without_effect(typed, tunnel)
    return Settings((tunnel,), program_settings(sources))


def tunnel_settings(sources: Sequence[Source]) -> TunnelSettings:
    """One tunnel's settings; earlier sources win.

    Raises UsageError, AddressError, or what a source names instead.
    """
    given = parse_values(TUNNEL_OPTIONS, sources)
    mode = Mode.SERVER if given.pop("mode", False) else Mode.CLIENT
    if given.get("services"):
        given.setdefault("connect", ())
    return TunnelSettings(mode=mode, **given)


def program_settings(sources: Sequence[Source]) -> ProgramSettings:
    """The process's settings; earlier sources win.

    Raises UsageError, or what a source names instead.
    """
    return ProgramSettings(**parse_values(PROGRAM_OPTIONS, sources))


def _variable(option: Option, environ: Mapping[str, str]) -> str:
    return next((variable for variable in option.variables if environ.get(variable)), "")


def parse_values(options: Iterable[Option], sources: Sequence[Source]) -> dict[str, Any]:
    """The parsed value of each option that some source has, by field; earlier sources win.

    Raises UsageError, AddressError, or what a source names instead.
    """
    given: dict[str, Any] = {}
    for option in options:
        source = next((source for source in sources if option.name in source.values), None)
        if source is not None:
            given[option.field] = _parse(option, source)
    return given


def _parse(option: Option, source: Source) -> object:
    text = source.values[option.name]
    try:
        return option.kind.parse(text)
    except WormholeError as error:
        raise (source.error or type(error))(f"{source.label(option)}: {error}") from error
    except NotAllowedError as error:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        message = f"{source.label(option)}: {shown!r} is not allowed: use {option.kind.allowed}"
        raise (source.error or UsageError)(message) from error


def _refuse_without_effect(typed: Source, tunnel: TunnelSettings) -> None:
    for option in TUNNEL_OPTIONS:
        cause = option.without_effect(tunnel.mode, tunnel.transport)
        if cause is not None and option.name in typed.values:
            raise UsageError(f"{typed.label(option)} has no effect {_TYPED[cause]}: leave it out")
