from __future__ import annotations

import dataclasses

import pytest

from wormhole_tunnel.config.options import OPTIONS, PROGRAM_OPTIONS, TUNNEL_OPTIONS, Mode, Option, Transport
from wormhole_tunnel.config.settings import (
    ProgramSettings,
    Service,
    Source,
    TunnelSettings,
    environment_source,
    from_sources,
    tunnel_settings,
)
from wormhole_tunnel.errors import AddressError, ConfigError, UsageError, WormholeError
from wormhole_tunnel.net.addresses import ActivatedAddress, TcpAddress
from wormhole_tunnel.net.bind import UnixPermissions
from wormhole_tunnel.observe.logs import LogFormat
from wormhole_tunnel.wire.negotiation import FramingMode


def tunnel(command_line: dict[str, str] | None = None, **environ: str) -> TunnelSettings:
    (settings,) = from_sources(command_line or {}, environ).tunnels
    return settings


def message(command_line: dict[str, str], **environ: str) -> str:
    with pytest.raises(WormholeError) as caught:
        from_sources(command_line, environ)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("option", TUNNEL_OPTIONS, ids=lambda option: option.name)
def test_the_defaults_are_those_of_the_table(option: Option, mode: Mode) -> None:
    if option.field != "mode":
        settings = TunnelSettings(mode=mode)
        assert getattr(settings, option.field) == option.kind.parse(option.default_for(mode))


@pytest.mark.parametrize("option", PROGRAM_OPTIONS, ids=lambda option: option.name)
def test_the_program_defaults_are_those_of_the_table(option: Option) -> None:
    value = getattr(ProgramSettings(), option.field)
    assert value == option.kind.parse(option.default) if option.default else not value


def test_each_option_is_a_field_and_each_field_an_option() -> None:
    fields = [field.name for kind in (TunnelSettings, ProgramSettings) for field in dataclasses.fields(kind)]
    assert fields == [option.field for option in OPTIONS]


def test_names_flags_and_variables_are_unique() -> None:
    for taken in ("flags", "variables"):
        every = [each for option in OPTIONS for each in getattr(option, taken)]
        assert len(every) == len(set(every))


def test_nothing_given() -> None:
    assert from_sources({}, {}).tunnels == (TunnelSettings(),)
    assert from_sources({}, {}).program == ProgramSettings()


def test_the_command_line_wins_over_the_environment() -> None:
    given = tunnel({"message_size": "2KiB"}, WORMHOLE_MESSAGE_SIZE="4KiB", WORMHOLE_FRAMING="exact")
    assert (given.message_size, given.framing) == (2048, FramingMode.EXACT)


def test_the_environment_wins_over_a_file() -> None:
    file = Source({"links": "3", "key_file": "of-the-file.yaml"}, lambda option: f"file: {option.name}")
    settings = tunnel_settings([environment_source({"WORMHOLE_LINKS": "2"}), file])
    assert (settings.links, settings.key_file) == (2, "of-the-file.yaml")


def test_an_empty_variable_is_not_set() -> None:
    assert tunnel(WORMHOLE_FRAMING="") == TunnelSettings()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RUST_LOG": "debug"}, "debug"),
        ({"RUST_LOG": "debug", "WORMHOLE_LOG": "warn"}, "warn"),
        ({"RUST_LOG": "debug", "WORMHOLE_LOG": ""}, "debug"),
    ],
)
def test_where_the_log_filter_comes_from(environ: dict[str, str], expected: str) -> None:
    assert from_sources({}, environ).program.log == expected
    assert from_sources({"log": "off"}, environ).program.log == "off"


def test_the_server_proxy_has_a_default_of_its_own() -> None:
    assert tunnel(WORMHOLE_SERVER_PROXY="1").mode is Mode.SERVER
    assert tunnel({"server_proxy": "true"}).connect_timeout == 10.0
    assert tunnel().connect_timeout == 30.0
    assert tunnel({"server_proxy": "true", "connect_timeout": "3"}).connect_timeout == 3.0


def test_several_addresses() -> None:
    settings = tunnel({"client": "a:1,b:2", "server": "c:3"})
    assert settings.listen == (TcpAddress("a", 1), TcpAddress("b", 2))
    assert settings.connect == (TcpAddress("c", 3),)


def test_sockets_of_systemd_to_listen_on_only() -> None:
    settings = tunnel({"client": "systemd:a,:2"})
    assert settings.listen == (ActivatedAddress("a"), TcpAddress("127.0.0.1", 2))
    assert str(settings.listen[0]) == "systemd:a"
    assert "stands twice" in message({"client": "systemd:a,systemd:a"})
    assert "is not allowed" in message({"client": "systemd:"})
    assert message({"server": "systemd:a"})


def test_services() -> None:
    settings = tunnel({"server_proxy": "true", "services": "a=:1,b=:2,a=:3"})
    assert settings.services == (
        Service("a", (TcpAddress("127.0.0.1", 1), TcpAddress("127.0.0.1", 3))),
        Service("b", (TcpAddress("127.0.0.1", 2),)),
    )
    assert settings.connect == ()
    assert tunnel({"server_proxy": "true", "services": "a=:1", "server": ":9"}).connect
    for mistaken in ("a", "a=:0", "a=:1,a=:1", "a b=:1", "=:1", "a=unix:"):
        assert message({"server_proxy": "true", "services": mistaken})


def test_networks() -> None:
    assert [str(network) for network in tunnel({"allow": "10.0.0.0/8, ::1"}).allow] == ["10.0.0.0/8", "::1/128"]
    assert message({"allow": "10.1.0.0/8"}).endswith("'10.1.0.0/8' has bits set beyond its prefix: type 10.0.0.0/8")
    assert "as in 192.0.2.7" in message({"allow": "example.com"})


def test_the_user_has_to_exist() -> None:
    assert from_sources({"user": "root"}, {}).program.user == "root"
    assert message({"user": "no-such-user"}) == "--user: there is no user 'no-such-user'"


def test_permissions_of_a_unix_socket() -> None:
    assert tunnel({"socket_mode": "666", "socket_owner": ":7"}).permissions == UnixPermissions(0o666, -1, 7)


def test_the_form_of_the_log() -> None:
    assert from_sources({"log_format": "json"}, {}).program.log_format is LogFormat.JSON


def test_an_error_names_the_option_and_what_is_allowed() -> None:
    text = "--message-size: '1' is not allowed: use a size from 64B to 16KiB (units: B, KiB, MiB, GiB)"
    assert message({"message_size": "1"}) == text


def test_an_error_names_the_variable() -> None:
    text = "WORMHOLE_FRAMING: 'x' is not allowed: use padded, buffered, exact or constant"
    assert message({}, WORMHOLE_FRAMING="x") == text
    assert message({}, RUST_LOG="inof").startswith("RUST_LOG: log filter: 'inof'")


def test_an_error_of_a_file_has_its_class() -> None:
    file = Source({"links": "0"}, lambda _: "wormhole.yaml, line 3: links", ConfigError)
    with pytest.raises(ConfigError, match=r"^wormhole.yaml, line 3: links: '0' is not allowed"):
        tunnel_settings([file])
    bad_address = Source({"server": "x"}, lambda _: "here", ConfigError)
    with pytest.raises(ConfigError, match=r"^here: 'x' has no port"):
        tunnel_settings([bad_address])


def test_a_bad_address_keeps_its_exit_code() -> None:
    with pytest.raises(AddressError, match=r"^-c/--client: '0.0.0.0 26379' has a space"):
        from_sources({"client": "0.0.0.0 26379"}, {})


def test_a_long_value_is_not_quoted_in_full() -> None:
    assert len(message({"framing": "x" * 10_000})) < 300


def test_an_option_of_the_other_mode_is_refused_where_it_was_typed() -> None:
    assert message({"max_sessions": "3"}) == "--max-sessions has no effect without -S: leave it out"
    assert message({"links": "3", "server_proxy": "true"}) == "--links has no effect with -S: leave it out"
    assert tunnel({"server_proxy": "true"}, WORMHOLE_LINKS="3").mode is Mode.SERVER


@pytest.mark.parametrize("option", ["framing", "links", "resume_timeout", "accept_proxy", "service", "max_memory"])
def test_an_option_that_the_legacy_transport_lacks_is_refused_where_it_was_typed(option: str) -> None:
    value = {"framing": "exact", "accept_proxy": "true", "max_memory": "1GiB"}.get(option, "2")
    label = f"--{option.replace('_', '-')}"
    assert (
        message({"transport": "legacy", option: value})
        == f"{label} has no effect with --transport legacy: leave it out"
    )
    typed = {"transport": "legacy", "connect_timeout": "2", "allow": "::1", "idle_timeout": "60", "drain_timeout": "1"}
    assert tunnel(typed, WORMHOLE_LINKS="3").transport is Transport.LEGACY


def test_constant_framing_has_a_shortest_interval() -> None:
    assert tunnel({"framing": "constant"}).interval == pytest.approx(1024 / 65536)
    assert "the shortest is 5ms" in message({"framing": "constant", "rate": "1MiB/s"})
    with pytest.raises(UsageError):
        TunnelSettings(framing=FramingMode.CONSTANT, rate=2**20)
    assert tunnel({"rate": "1MiB/s"}).rate == 2**20, "without constant framing it has no effect"
