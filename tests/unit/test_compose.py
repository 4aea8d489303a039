"""The Compose files of deploy/compose: fields that exist, options that exist, and time enough to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from wormhole_tunnel.cli.container import COMMANDS, proxy_environment
from wormhole_tunnel.config.settings import TunnelSettings, environment_source, tunnel_settings
from wormhole_tunnel.config.values import duration

FILES = sorted((Path(__file__).resolve().parents[2] / "deploy" / "compose").glob("*.yaml"))
FIELDS = {  # of a service, in the Compose specification
    *("image", "command", "environment", "ports", "networks", "network_mode", "volumes", "restart", "depends_on"),
    *("stop_grace_period", "read_only", "cap_drop", "security_opt"),
}
OWN_VARIABLES = {"LISTEN_ADDR", "CONNECT_ADDR", "LOG_LEVEL"}

Service = dict[str, Any]


def services(file: Path) -> dict[str, Service]:
    found = yaml.safe_load(file.read_text())
    assert set(found) <= {"services", "networks"}
    return dict(found["services"])


PROXIES = [
    pytest.param(service, id=f"{file.stem}-{name}")
    for file in FILES
    for name, service in services(file).items()
    if service["image"] == "wormhole"
]


def test_there_are_files_with_both_proxies() -> None:
    commands = {service.values[0]["command"] for service in PROXIES if isinstance(service.values[0], dict)}
    assert commands == {"client-proxy", "server-proxy"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_services_have_fields_that_compose_knows_and_name_what_exists(file: Path) -> None:
    every = services(file)
    networks = yaml.safe_load(file.read_text()).get("networks", {})
    for service in every.values():
        assert set(service) <= FIELDS
        assert set(service.get("networks", [])) <= set(networks)
        assert set(service.get("depends_on", {})) <= set(every)
        kind, _, other = service.get("network_mode", "").partition(":")
        assert kind in ("", "service")
        assert not other or other in every


@pytest.mark.parametrize("service", PROXIES)
def test_a_proxy_may_drain_and_may_do_nothing_else(service: Service) -> None:
    grace = duration(0, 3600).parse(service["stop_grace_period"])
    assert isinstance(grace, float)
    assert grace >= TunnelSettings().drain_timeout + 5
    assert service["command"] in COMMANDS
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["./wormhole:/etc/wormhole:ro"]


@pytest.mark.parametrize("service", PROXIES)
def test_a_proxy_takes_its_environment(service: Service) -> None:
    given = {name: str(value) for name, value in service["environment"].items()}
    assert {name for name in given if not name.startswith("WORMHOLE_")} <= OWN_VARIABLES
    settings = tunnel_settings([environment_source(proxy_environment(given))])
    published = [port.rpartition(":")[2] for port in service.get("ports", [])]
    assert published in ([], ["8081"])
    assert not published or str(settings.listen[0]) == "0.0.0.0:8081"
