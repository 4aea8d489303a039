from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.config.document import MAX_TUNNELS, parse_document, read_document
from wormhole_tunnel.errors import ConfigError


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "wormhole.yaml")
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_values_stay_as_they_were_typed() -> None:
    document = parse_document("socket_mode: 0660\nsend_proxy: off\nmax_connections: 1_000\n", "w.yaml")
    assert {name: field.text for name, field in document.shared.items()} == {
        "socket_mode": "0660",
        "send_proxy": "off",
        "max_connections": "1_000",
    }


def test_fields_know_where_they_stand() -> None:
    document = parse_document("log: info\ntunnels:\n  - listen: [':1', ':2']\n    rate: 1KiB/s\n", "w.yaml")
    assert document.shared["log"].line == 1
    [tunnel] = document.tunnels
    assert (tunnel.path, tunnel.line) == ("tunnels[0]", 3)
    assert tunnel.fields["client"].text == ":1,:2"
    assert (tunnel.fields["rate"].path, tunnel.fields["rate"].line) == ("tunnels[0].rate", 4)


def test_services_are_a_mapping() -> None:
    document = parse_document("services: {redis: ':6379', db: [':1', ':2']}", "w.yaml")
    assert document.shared["services"].text == "redis=:6379,db=:1,db=:2"


def test_files_are_relative_to_the_configuration() -> None:
    document = parse_document("key_file: keys/a.yaml\nstatus_token_file: /run/token\n", "/etc/wormhole/w.yaml")
    assert document.shared["key_file"].text == "/etc/wormhole/keys/a.yaml"
    assert document.shared["status_token_file"].text == "/run/token"
    assert parse_document("key_file: '-'", "/etc/w.yaml").shared["key_file"].text == "-"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "wormhole.yaml is empty: expected options, as in `mode: server`"),
        ("- a", "wormhole.yaml, line 1: expected options, as in `mode: server`"),
        ("log: info\nlog: debug", "wormhole.yaml, line 2: `log` stands already in line 1"),
        ("framming: exact", "wormhole.yaml, line 1: there is no option `framming`: did you mean `framing`?"),
        ("max-skew: 1s", "wormhole.yaml, line 1: there is no option `max-skew`: did you mean `max_skew`?"),
        ("mode: both", "wormhole.yaml, line 1: mode: 'both' is not allowed: use client or server"),
        ("links:\n", "wormhole.yaml, line 1: links: expected a value"),
        ("links: [1]", "wormhole.yaml, line 1: links: expected a whole number from 1 to 16"),
        ("links: {a: 1}", "wormhole.yaml, line 1: links: expected a whole number from 1 to 16"),
        ("listen: [{a: 1}]", "wormhole.yaml, line 1: listen: expected a value"),
        ("services: [a]", "wormhole.yaml, line 1: services: expected a mapping of names to addresses"),
        ("services:\n  a: ':1'\n  a: ':2'", "wormhole.yaml, line 3: services: the service `a` stands twice"),
        ("services: {a: }", "wormhole.yaml, line 1: services.a: expected a value"),
        ("tunnels: 3", f"wormhole.yaml, line 1: tunnels: expected a list of 1 to {MAX_TUNNELS} tunnels"),
        ("tunnels: []", f"wormhole.yaml, line 1: tunnels: expected a list of 1 to {MAX_TUNNELS} tunnels"),
        ("tunnels:\n- 3", "wormhole.yaml, line 2: tunnels[0]: expected options, as in `mode: server`"),
        (
            "tunnels:\n- log: info",
            "wormhole.yaml, line 2: tunnels[0]: `log` is the process's: put it at the top of the file",
        ),
        ("a: 1\n b: 2", "wormhole.yaml, line 2: expected YAML: mapping values are not allowed here"),
        ("a: 'b", "wormhole.yaml, line 1: expected YAML: found unexpected end of stream"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    assert mistake(text) == expected


def test_an_option_that_is_none_of_a_file() -> None:
    assert mistake("check_config: true").startswith("wormhole.yaml, line 1: there is no option `check_config`: ")


def test_deep_nesting_and_second_documents_are_mistakes() -> None:
    assert "nested no deeper" in mistake("[" * 100_000)
    assert "found another document" in mistake("log: info\n---\nlog: debug\n")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def mistake_of(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            read_document(str(path))
        return str(caught.value).removeprefix(f"{path}: ")

    large, binary = tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_bytes(b" " * (1 << 20) + b"x")
    binary.write_bytes(b"\xff")
    assert mistake_of(tmp_path) == "the configuration can't be read: Is a directory"
    assert mistake_of(tmp_path / "none") == "the configuration can't be read: No such file or directory"
    assert mistake_of(large) == "larger than any configuration (1 MiB)"
    assert mistake_of(binary) == "expected text in UTF-8"


@given(st.text())
def test_any_text_is_a_document_or_a_mistake(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_document(text, "w.yaml")
