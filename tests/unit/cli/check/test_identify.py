"""Who answers, told by the first bytes; none of them may steer a terminal, or make it fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.cli.check.identify import identify


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (b"SSH-2.0-dropbear\r\n", "an SSH server (dropbear)"),
        (b"HTTP/1.0 200 OK\r\n", "an HTTP server"),
        (b"<!DOCTYPE html>", "an HTTP server"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "a TLS server"),
        (b"\x16\x03\x03\x00\x7a\x02", "a TLS server"),
        (b"-ERR unknown command\r\n", "a Redis server (unknown command)"),
        (b"220 ready\r\n", "a mail or FTP server (ready)"),
        (b"* OK IMAP4rev1\r\n", "a mail server (IMAP4rev1)"),
        (b"E\x00\x00\x00\x8bSFATAL\x00", "a PostgreSQL server"),
        (b"J\x00\x00\x00\x0a8.0.36\x00", "a MySQL server"),
        (b"", ""),
        (b"hello", ""),
    ],
)
def test_first_bytes_tell_who_it_is(answer: bytes, who: str) -> None:
    assert identify(answer) == who


@given(st.binary(max_size=200))
def test_whatever_is_answered_can_be_printed(answer: bytes) -> None:
    for prefix in (b"", b"SSH-2.0-", b"-ERR ", b"220 "):
        assert identify(prefix + answer).isprintable()


@given(st.binary(max_size=500))
def test_what_it_says_is_cut(answer: bytes) -> None:
    assert len(identify(b"SSH-2.0-" + answer)) <= 100
