"""What SIGHUP does: keys and configuration are read again, and what has a mistake is left as it was.

Some settings hold from then on, for connections that are open too where that makes sense. Others were agreed with the
other end or bound to a socket at the start: a change of those is said to need a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from wormhole_tunnel.config.keysource import STANDARD_STREAM, load_keyring
from wormhole_tunnel.config.options import TUNNEL_OPTIONS
from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.errors import WormholeError
from wormhole_tunnel.keys.keyring import Keyring
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.observe.snapshot import KeySnapshot, ProxySnapshot

Reread = Callable[[], Sequence[TunnelSettings]]

RELOADABLE: Final = frozenset(
    {
        "allow",
        "connect_timeout",
        "drain_timeout",
        "half_open_timeout",
        "health_interval",
        "idle_timeout",
        "key_file",
        "max_connections",
        "max_per_source",
        "prefer",
        "send_proxy",
        "service",
        "services",
    }
)
_FLAGS: Final = {option.field: option.flags[-1] for option in TUNNEL_OPTIONS}
_log = get_logger("wormhole")


class Reloadable(Protocol):
    """A proxy, as far as it matters here."""

    def reload(self, keyring: Keyring) -> None:
        """Use these keys from now on."""

    def apply(self, settings: TunnelSettings) -> None:
        """Use these settings from now on; only `RELOADABLE` ones differ."""

    def snapshot(self, most_connections: int = 0) -> ProxySnapshot:
        """How it stands now."""


@dataclass(slots=True)
class Reloader:
    """A proxy that runs, and what it was made from."""

    settings: TunnelSettings
    proxy: Reloadable

    def reload(self, settings: TunnelSettings) -> None:
        """Take over what can be taken over, and the keys as they now are."""
        new = {field.name: getattr(settings, field.name) for field in fields(settings)}
        changed = {name for name, value in new.items() if value != getattr(self.settings, name)}
        if changed & RELOADABLE:
            self.settings = replace(self.settings, **{name: new[name] for name in changed & RELOADABLE})
            self.proxy.apply(self.settings)
        if rest := sorted(_FLAGS[name] for name in changed - RELOADABLE):
            message = f"{self.name}: a change of {', '.join(rest)} needs a restart; the old one stays"
            log_event(_log, logging.WARNING, "reload_skipped", message)
        self._reload_keys()

    @property
    def name(self) -> str:
        """What a log line calls it."""
        return f"{self.settings.mode.value} proxy on {', '.join(map(str, self.settings.listen))}"

    def _reload_keys(self) -> None:
        if self.settings.key_file == STANDARD_STREAM:
            log_event(_log, logging.WARNING, "reload_skipped", "a key from standard input can't be read again")
            return
        try:
            keyring = load_keyring(self.settings.key_file)
        except WormholeError as error:
            log_event(_log, logging.ERROR, "reload_failed", f"nothing changes, the old keys stay: {error}")
            return
        self.proxy.reload(keyring)
        keys = ", ".join(map(_use_of, self.proxy.snapshot().keys))
        log_event(_log, logging.INFO, "reloaded", f"{self.settings.key_file} read again, keys: {keys}", keys=keys)


def _use_of(key: KeySnapshot) -> str:
    """Tells whether a key is still needed."""
    if key.peers:
        return f"{key.name} (in use by {key.peers})"
    if key.last_used_time is None:
        return f"{key.name} (not used since the start)"
    last_used = datetime.fromtimestamp(key.last_used_time, UTC)
    return f"{key.name} (last used {last_used:%Y-%m-%d %H:%M:%S} UTC)"


def reload_all(running: Sequence[Reloader], reread: Reread | None) -> None:
    """Reload every tunnel; with a mistake in the configuration none of them, but for the keys."""
    settings = [reloader.settings for reloader in running]
    if reread is not None:
        try:
            settings = _matched(running, reread())
        except WormholeError as error:
            log_event(_log, logging.ERROR, "reload_failed", f"the old configuration stays: {error}")
    for reloader, new in zip(running, settings, strict=True):
        reloader.reload(new)


def _matched(running: Sequence[Reloader], found: Sequence[TunnelSettings]) -> list[TunnelSettings]:
    """For each tunnel the settings that now are its own: those of the same mode and addresses to listen on."""
    by_place = {_place(settings): settings for settings in found}
    places = {_place(reloader.settings) for reloader in running}
    if places != set(by_place):
        message = "a tunnel that is new, gone or listens elsewhere needs a restart"
        log_event(_log, logging.WARNING, "reload_skipped", message)
    return [by_place.get(_place(reloader.settings), reloader.settings) for reloader in running]


def _place(settings: TunnelSettings) -> object:
    return settings.mode, settings.listen
