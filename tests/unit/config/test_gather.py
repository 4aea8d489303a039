from __future__ import annotations

from pathlib import Path

import pytest

from wormhole_tunnel.config.gather import gather
from wormhole_tunnel.config.options import Transport
from wormhole_tunnel.config.settings import Mode, Service, Settings, TunnelSettings
from wormhole_tunnel.errors import ConfigError, UsageError
from wormhole_tunnel.net.addresses import TcpAddress


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wormhole.yaml"


def settings_of(file: Path, text: str, command_line: dict[str, str] | None = None, **environ: str) -> Settings:
    file.write_text(text)
    return gather({"config": str(file), **(command_line or {})}, environ)


def mistake(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_of(file, text)
    return str(caught.value).removeprefix(str(file))


def test_without_a_file() -> None:
    assert gather({"links": "2"}, {}).tunnels == (TunnelSettings(links=2),)


def test_several_tunnels_share_what_stands_at_the_top(file: Path) -> None:
    text = """
        log: debug
        rate: 1KiB/s
        tunnels:
          - {mode: server, listen: ':1', services: {redis: ':6379'}}
          - {listen: ':2', server: 'far:1', service: redis, rate: 2KiB/s}
        """
    settings = settings_of(file, text)
    server, client = settings.tunnels
    assert settings.program.log == "debug"
    assert (server.mode, server.rate, server.connect) == (Mode.SERVER, 1024, ())
    assert server.services == (Service("redis", (TcpAddress("127.0.0.1", 6379),)),)
    assert (client.mode, client.rate, client.service) == (Mode.CLIENT, 2048, "redis")


def test_a_file_without_a_list_is_one_tunnel(file: Path) -> None:
    [tunnel] = settings_of(file, "mode: server\nserver: unix:/run/s\nkey_file: k.yaml").tunnels
    assert tunnel.mode is Mode.SERVER
    assert tunnel.key_file == str(file.parent / "k.yaml")


def test_command_line_and_environment_win(file: Path) -> None:
    [tunnel] = settings_of(
        file, "rate: 1KiB/s\nlinks: 1\nmax_connections: 9", {"links": "2"}, WORMHOLE_RATE="3KiB/s"
    ).tunnels
    assert (tunnel.links, tunnel.rate, tunnel.max_connections) == (2, 3072, 9)
    assert settings_of(file, "log: debug", WORMHOLE_LOG="warn").program.log == "warn"


def test_the_environment_may_name_the_file(file: Path) -> None:
    file.write_text("links: 4")
    assert gather({}, {"WORMHOLE_CONFIG": str(file)}).tunnels[0].links == 4


def test_mistakes_name_line_and_field(file: Path) -> None:
    assert mistake(file, "log: info\nlinks: 99") == (
        ", line 2: links: '99' is not allowed: use a whole number from 1 to 16"
    )
    assert mistake(file, "tunnels:\n  - links: 1\n    server: x").startswith(
        ", line 3: tunnels[0].server: 'x' has no port"
    )
    assert mistake(file, "services: {a b: ':1'}").startswith(", line 1: services: 'a b=:1' is not allowed: use name=")


def test_mistakes_of_several_options_name_the_tunnel(file: Path) -> None:
    text = "tunnels:\n  - listen: ':1'\n  - framing: constant\n    rate: 1GiB/s\n"
    assert mistake(file, text).startswith(", line 3: tunnels[1]: --rate with this --message-size")
    assert mistake(file, "status: 0.0.0.0:1").startswith(": --status 0.0.0.0:1 can be reached")


def test_an_option_of_the_other_mode_is_refused_where_it_stands(file: Path) -> None:
    text = "links: 2\ntunnels:\n  - {mode: server, listen: ':1', links: 3}\n  - listen: ':2'\n"
    assert mistake(file, text) == ", line 3: tunnels[0].links: has no effect with `mode: server`: leave it out"
    server, client = settings_of(file, text.replace(", links: 3", "")).tunnels
    assert client.links == 2
    assert server.mode is Mode.SERVER


def test_an_option_that_the_legacy_transport_lacks_is_refused_where_it_stands(file: Path) -> None:
    text = "links: 2\ntunnels:\n  - {transport: legacy, listen: ':1', links: 3}\n"
    assert mistake(file, text) == ", line 3: tunnels[0].links: has no effect with `transport: legacy`: leave it out"
    assert settings_of(file, text.replace(", links: 3", "")).tunnels[0].transport is Transport.LEGACY


def test_no_two_tunnels_listen_on_the_same_address(file: Path) -> None:
    text = "tunnels:\n  - listen: ':1'\n  - listen: [':2', ':1']\n"
    assert mistake(file, text) == ": several tunnels listen on 127.0.0.1:1: give each an address of its own"
    assert len(settings_of(file, "tunnels:\n  - listen: ':0'\n  - listen: ':0'\n").tunnels) == 2


def test_mistakes_beside_the_file_stay_what_they_are(file: Path) -> None:
    with pytest.raises(UsageError, match=r"^--links: '0' is not allowed"):
        settings_of(file, "rate: 1KiB/s", {"links": "0"})
