"""Who may look at the status: tokens, and names of this host."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.observe.status.access import names_this_host, presents_token
from wormhole_tunnel.observe.token import read_token

TOKEN = "0123456789abcdef0123"  # no secret, but a token's form


def basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(f"anyone:{TOKEN}"), basic(f":{TOKEN}")])
def test_the_token_is_taken_as_bearer_and_as_password(header: str) -> None:
    assert presents_token(header, TOKEN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Token {TOKEN}",
        TOKEN,
        basic(TOKEN),
        basic("a:b"),
        "Basic !",
        "Basic /w==",
    ],
)
def test_nothing_else_is(header: str) -> None:
    assert not presents_token(header, TOKEN)


@given(st.text(max_size=60))
def test_no_other_text_is_the_token(header: str) -> None:
    assert not presents_token(header, TOKEN)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9090", "localhost", "LOCALHOST:80", "[::1]", "[::1]:9090", "127.9.9.9:1"]
)
def test_names_of_this_host(host: str) -> None:
    assert names_this_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:9090",
        "127.0.0.1.evil.example",
        "10.0.0.1:80",
        "[::2]:80",
        "localhost.evil:1",
        "::1",
    ],
)
def test_names_that_are_not(host: str) -> None:
    assert not names_this_host(host)


@given(st.text(max_size=40))
def test_any_other_text_is_no_name_of_this_host(host: str) -> None:
    if not host.lower().startswith(("127.", "localhost", "[")):
        assert not names_this_host(host)


def test_a_token_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(str(file)) == TOKEN
    assert not read_token("")


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"two lines of\nsomething\n", b"with spaces in it ok", b"\xff" * 20]
)
def test_what_is_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="openssl rand"):
        read_token(str(file))


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing: No such file"):
        read_token(str(tmp_path / "missing"))
