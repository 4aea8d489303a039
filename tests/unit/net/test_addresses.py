from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wormhole_tunnel.errors import AddressError
from wormhole_tunnel.net.addresses import (
    MAX_UNIX_PATH,
    SourceAddress,
    TcpAddress,
    UnixAddress,
    parse_address,
    parse_address_list,
    source_address,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", TcpAddress("127.0.0.1", 8080)),
        ("  localhost:1 ", TcpAddress("localhost", 1)),
        ("redis.example.:6379", TcpAddress("redis.example.", 6379)),
        ("my_host-1:0", TcpAddress("my_host-1", 0)),
        ("bücher.example:80", TcpAddress("bücher.example", 80)),
        (":8080", TcpAddress("127.0.0.1", 8080)),
        ("[::1]:65535", TcpAddress("::1", 65535)),
        ("[fe80::1%eth0]:80", TcpAddress("fe80::1%eth0", 80)),
        ("unix:/run/a.sock", UnixAddress("/run/a.sock")),
        ("unix:relative.sock", UnixAddress("relative.sock")),
        ("unix:/with space:80", UnixAddress("/with space:80")),
    ],
)
def test_parses(text: str, expected: TcpAddress | UnixAddress) -> None:
    assert parse_address(text) == expected


def test_default_host() -> None:
    assert parse_address(":1", default_host="::") == TcpAddress("::", 1)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("0.0.0.0 26379", "type 0.0.0.0:26379"),
        ("0.0.0.0: 26379", "type 0.0.0.0:26379"),
        ("0.0.0.0 :26379", "type 0.0.0.0:26379"),
        ("::1 26379", "type [::1]:26379"),
        ("[::1] 26379", "type [::1]:26379"),
        ("", "the address is empty"),
        ("8080", "type :8080"),
        ("localhost", "type localhost:PORT"),
        ("localhost:", "no port after the colon"),
        ("localhost:http", "'http' is no port number"),
        ("localhost:-1", "'-1' is no port number"),
        ("localhost:٣", "is no port number"),
        ("localhost:65536", "port 65536 is out of range: type a number from 0 to 65535"),
        ("localhost:" + "9" * 5000, "is out of range"),
        ("::1", "type [::1]:PORT"),
        ("::1%lo:80", "type [::1%lo]:80"),
        ("2001:db8::1:8080", "type [2001:db8::1:8080]:PORT"),
        ("1:2:3:4:5:6:7:8:80", "type [1:2:3:4:5:6:7:8]:80"),
        ("a:b:1", "too many colons"),
        ("[::1]", "type [::1]:PORT"),
        ("[::1]80", "type [::1]:80"),
        ("[::1:80", "no closing bracket"),
        ("[localhost]:80", "'localhost' is no IPv6 address"),
        ("[]:80", "'' is no IPv6 address"),
        ("http://localhost:80", "is a URL"),
        ("/run/a.sock", "type unix:/run/a.sock"),
        ("unix:", "type unix:/path"),
        ("unix:/dir/", "can't be the path of a socket"),
        ("unix:/a\0b", "can't be the path of a socket"),
        ("unix:/" + "x" * MAX_UNIX_PATH, f"at most {MAX_UNIX_PATH}"),
        ("256.0.0.1:80", "is no IPv4 address"),
        ("1.2.3:80", "is no IPv4 address"),
        ("*:80", "type 0.0.0.0:80, for IPv6 as well [::]:80"),
        ("-x:80", "is no host name"),
        ("a..b:80", "is no host name"),
        ("ho\x1bst:80", "has characters that no address has"),
        ("a" * 64 + ":80", "is no host name"),
        ("a." * 127 + "a:80", "is no host name"),
        ("\udcff:80", "has characters that no address has"),
    ],
)
def test_says_what_to_type(text: str, advice: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert advice in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text(max_size=60))
@example("[" + "\n")
def test_any_text_parses_and_comes_back_or_is_an_error_of_one_line(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError as caught:
        error = caught
    else:
        assert parse_address(str(address)) == address
        return
    assert str(error).isprintable()


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_literal_comes_back(host: object, port: int) -> None:
    address = TcpAddress(str(host), port)
    assert parse_address(str(address)) == address
    assert address.is_literal


def test_a_name_is_no_literal() -> None:
    assert not TcpAddress("localhost", 1).is_literal


def test_lists() -> None:
    assert parse_address_list("a:1, [::1]:2,unix:/x") == (TcpAddress("a", 1), TcpAddress("::1", 2), UnixAddress("/x"))


@pytest.mark.parametrize(("text", "advice"), [("a:1,", "empty"), ("a:1,a:1", "stands twice"), ("", "empty")])
def test_bad_lists(text: str, advice: str) -> None:
    with pytest.raises(AddressError, match=advice):
        parse_address_list(text)


@pytest.mark.parametrize(
    ("sockaddr", "expected", "packed", "network"),
    [
        (("10.0.0.1", 5), "10.0.0.1:5", bytes([10, 0, 0, 1]), bytes([10, 0, 0, 1])),
        (("::ffff:10.0.0.1", 5, 0, 0), "10.0.0.1:5", bytes([10, 0, 0, 1]), bytes([10, 0, 0, 1])),
        (("fe80::1%lo", 5, 0, 1), "[fe80::1]:5", b"\xfe\x80" + bytes(13) + b"\1", b"\xfe\x80" + bytes(6)),
        ("", "unix", b"", b""),
        (None, "unix", b"", b""),
    ],
)
def test_sources(sockaddr: object, expected: str, packed: bytes, network: bytes) -> None:
    source = source_address(sockaddr)
    assert (str(source), source.packed, source.network) == (expected, packed, network)


def test_two_hosts_of_one_ipv6_network_count_together() -> None:
    assert SourceAddress("2001:db8::1", 1).network == SourceAddress("2001:db8::ffff:1", 2).network
    assert SourceAddress("2001:db8::1", 1).network != SourceAddress("2001:db8:0:1::1", 1).network
