"""What a server proxy offers: its own server, and servers by name."""

from __future__ import annotations

from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.net.dial import Dialer
from wormhole_tunnel.proxy.upstreams import Upstreams, UpstreamSettings

UNNAMED = ""


class Services:
    """The servers by service name. Within a running event loop."""

    def __init__(self, settings: TunnelSettings, dialer: Dialer) -> None:
        common = UpstreamSettings(settings.connect_timeout, settings.prefer, settings.health_interval)
        offered = {service.name: service.connect for service in settings.services}
        if settings.connect:
            offered[UNNAMED] = settings.connect
        self._upstreams = {name: Upstreams(addresses, common, dialer) for name, addresses in offered.items()}

    def find(self, name: str) -> Upstreams | None:
        """The servers of that name, if it is offered."""
        return self._upstreams.get(name)

    def close(self) -> None:
        """Check their health no more."""
        for upstreams in self._upstreams.values():
            upstreams.close()
