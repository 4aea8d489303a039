"""All settings of a process: command line, environment, and the configuration file that one of them names."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from wormhole_tunnel.config.document import Document, Fields, Tunnel, read_document
from wormhole_tunnel.config.options import PROGRAM_OPTIONS, TUNNEL_OPTIONS, Mode, Option
from wormhole_tunnel.config.settings import (
    Settings,
    Source,
    TunnelSettings,
    command_line_source,
    environment_source,
    from_sources,
    parse_values,
    program_settings,
    tunnel_settings,
)
from wormhole_tunnel.errors import ConfigError, UsageError
from wormhole_tunnel.net.addresses import TcpAddress

_PROGRAM_NAMES: Final = frozenset(option.name for option in PROGRAM_OPTIONS)


def gather(command_line: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """The settings, with the configuration file read anew. `command_line` has texts by option name.

    Raises UsageError or AddressError with the option or variable, ConfigError with the file, the line and the field.
    """
    sources = (command_line_source(command_line), environment_source(environ))
    parse_values(TUNNEL_OPTIONS, sources)  # so that a mistake found later is the file's
    config = parse_values(PROGRAM_OPTIONS, sources).get("config")
    if not config:
        return from_sources(command_line, environ)
    document = read_document(config)
    tunnels = _tunnels(document, sources)
    _refuse_shared_addresses(document.origin, tunnels)
    top = _source(document.origin, {name: document.shared[name] for name in document.shared if name in _PROGRAM_NAMES})
    with _mistakes_at(document.origin):
        program = program_settings((*sources, top))
    return Settings(tunnels, program)


@contextlib.contextmanager
def _mistakes_at(where: str) -> Iterator[None]:
    """What depends on several options is found after they were parsed, and knows no place."""
    try:
        yield
    except UsageError as error:
        raise ConfigError(f"{where}: {error}") from error


def _refuse_shared_addresses(origin: str, tunnels: tuple[TunnelSettings, ...]) -> None:
    every = Counter(address for tunnel in tunnels for address in tunnel.listen)
    for address, times in every.items():
        if times > 1 and not (isinstance(address, TcpAddress) and address.port == 0):
            raise ConfigError(f"{origin}: several tunnels listen on {address}: give each an address of its own")


def _tunnels(document: Document, sources: tuple[Source, ...]) -> tuple[TunnelSettings, ...]:
    shared = {name: field for name, field in document.shared.items() if name not in _PROGRAM_NAMES}
    if not document.tunnels:
        return (_tunnel(document.origin, Tunnel(shared, "", 1), {}, sources),)
    return tuple(_tunnel(document.origin, tunnel, shared, sources) for tunnel in document.tunnels)


def _tunnel(origin: str, tunnel: Tunnel, shared: Fields, sources: tuple[Source, ...]) -> TunnelSettings:
    own, others = _source(origin, tunnel.fields), _source(origin, shared)
    with _mistakes_at(f"{origin}, line {tunnel.line}: {tunnel.path}" if tunnel.path else origin):
        settings = tunnel_settings((*sources, own, others))
    for option in TUNNEL_OPTIONS:
        cause = option.without_effect(settings.mode, settings.transport)
        if cause is not None and option.name in tunnel.fields:
            setting = f"{'mode' if isinstance(cause, Mode) else 'transport'}: {cause.value}"
            raise ConfigError(f"{own.label(option)}: has no effect with `{setting}`: leave it out")
    return settings


def _source(origin: str, fields: Fields) -> Source:
    def label(option: Option) -> str:
        field = fields[option.name]
        return f"{origin}, line {field.line}: {field.path}"

    return Source({name: field.text for name, field in fields.items()}, label, ConfigError)
