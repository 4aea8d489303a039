from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.net.addresses import SourceAddress, source_address
from wormhole_tunnel.net.proxy_protocol import (
    MAX_V1,
    MAX_V2,
    Header,
    ProxyHeaderError,
    pack_v1,
    pack_v2,
    parse,
)

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
SOURCE, DESTINATION = SourceAddress("192.168.0.1", 56324), SourceAddress("192.168.0.11", 443)
LINE = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
BINARY = SIGNATURE + bytes.fromhex("21 11 000c c0a80001 c0a8000b dc04 01bb")

sources = st.builds(
    lambda address, port: source_address((str(address), port)), st.ip_addresses(), st.integers(0, 65_535)
)


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (LINE, SOURCE),
        (BINARY, SOURCE),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", SourceAddress("2001:db8::1", 1)),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", SourceAddress("192.0.2.1", 1)),
        (SIGNATURE + bytes.fromhex("20 00 0000"), None),
        (SIGNATURE + bytes.fromhex("20 11 000c c0a80001 c0a8000b dc04 01bb"), None),
        (SIGNATURE + bytes.fromhex("21 00 0000"), None),
        (SIGNATURE + bytes.fromhex("21 11 0010 c0a80001 c0a8000b dc04 01bb 04000100"), SOURCE),
    ],
)
def test_headers(data: bytes, source: SourceAddress | None) -> None:
    assert parse(data + b"GET / HTTP/1.1\r\n") == Header(len(data), source)
    for length in range(len(data)):
        assert parse(data[:length]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n",
        b"PROXY TCP5 192.168.0.1 192.168.0.11 56324 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 056 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 1 -1\r\n",
        b"PROXY TCP4 192.168.0.256 192.168.0.11 1 1\r\n",
        b"PROXY TCP4 ::1 ::1 1 1\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n",
        b"PROXY  TCP4 192.168.0.1 192.168.0.11 1 1\r\n",
        b"PROXY TCP4 " + b"1" * MAX_V1,
        SIGNATURE + bytes.fromhex("11 11 000c"),
        SIGNATURE + bytes.fromhex("22 11 000c"),
        SIGNATURE + bytes.fromhex("21 11 000b c0a80001 c0a8000b dc04 01"),
        SIGNATURE + bytes.fromhex("21 21 000c c0a80001 c0a8000b dc04 01bb"),
        SIGNATURE + b"\x21\x11" + (MAX_V2 - 15).to_bytes(2),
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse(data)


def test_the_longest_line() -> None:
    most = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    line = f"PROXY TCP6 {most} {most} 65535 65535\r\n".encode()
    assert parse(line) == Header(len(line), SourceAddress(most, 65535))


def test_packed_as_in_the_specification() -> None:
    assert pack_v1(SOURCE, DESTINATION) == LINE
    assert pack_v2(SOURCE, DESTINATION) == BINARY


def test_without_addresses_the_client_is_unknown() -> None:
    for source, destination in ((None, DESTINATION), (SOURCE, SourceAddress()), (SourceAddress(), DESTINATION)):
        assert pack_v1(source, destination) == b"PROXY UNKNOWN\r\n"
        assert pack_v2(source, destination) == SIGNATURE + bytes.fromhex("21 00 0000")


def test_families_that_differ_become_ipv6() -> None:
    line = pack_v1(SOURCE, SourceAddress("::1", 2))
    assert line.startswith(b"PROXY TCP6 ::ffff:")
    assert parse(line) == Header(len(line), SOURCE)
    assert parse(pack_v2(SOURCE, SourceAddress("::1", 2))) == Header(52, SOURCE)


@given(sources, sources)
def test_what_is_packed_is_parsed(source: SourceAddress, destination: SourceAddress) -> None:
    for packed in (pack_v1(source, destination), pack_v2(source, destination)):
        assert parse(packed + b"x") == Header(len(packed), source)
        assert len(packed) <= MAX_V1


@given(st.one_of(st.binary(), st.binary().map(lambda tail: SIGNATURE + tail), st.binary().map(lambda t: b"PROXY " + t)))
def test_any_bytes(data: bytes) -> None:
    try:
        header = parse(data)
    except ProxyHeaderError:
        return
    assert header is None or (header.size <= len(data) and parse(data[: header.size]) == header)


@given(st.binary())
def test_a_reader_never_waits_for_ever(data: bytes) -> None:
    for start in (b"PROXY ", SIGNATURE):
        whole = (start + data).ljust(MAX_V2, b"\0")[:MAX_V2]
        try:
            assert parse(whole) is not None
        except ProxyHeaderError:
            continue
