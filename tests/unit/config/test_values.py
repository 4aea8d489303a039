from __future__ import annotations

import grp
import os
import pwd
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.config import values
from wormhole_tunnel.config.values import Kind, NotAllowedError, format_duration, format_size
from wormhole_tunnel.errors import AddressError, UsageError
from wormhole_tunnel.limits import GIB, KIB, MIB
from wormhole_tunnel.net.addresses import TcpAddress, UnixAddress


class Colour(Enum):
    RED = 1
    DARK_BLUE = 2


SIZE = values.size(64, GIB)
TIME = values.duration(0.01, 3600.0)
TIME_OR_OFF = values.duration(1.0, 3600.0, or_off=True)
RATE = values.rate(KIB, GIB)
NUMBER = values.whole_number(1, 16)
LISTEN = values.addresses(to_listen=True)
CONNECT = values.addresses(to_listen=False)
OWN_USER = pwd.getpwuid(os.getuid()).pw_name
OWN_GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (SIZE, "1024", 1024),
        (SIZE, "64KiB", 64 * KIB),
        (SIZE, "16 mib", 16 * MIB),
        (SIZE, "1.5KiB", 1536),
        (SIZE, "100B", 100),
        (TIME, "30", 30.0),
        (TIME, "30s", 30.0),
        (TIME, "1.5m", 90.0),
        (TIME, "250ms", 0.25),
        (TIME, "1h", 3600.0),
        (TIME_OR_OFF, "0", 0.0),
        (TIME_OR_OFF, "0ms", 0.0),
        (RATE, "64KiB/s", 64 * KIB),
        (RATE, "2048", 2048),
        (NUMBER, "16", 16),
        (values.flag(), "Yes", True),
        (values.flag(), "0", False),
        (values.choice(Colour), "red", Colour.RED),
        (values.choice(Colour), "DARK_BLUE", Colour.DARK_BLUE),
        (LISTEN, ":0,unix:/x", (TcpAddress("127.0.0.1", 0), UnixAddress("/x"))),
        (CONNECT, "a:1", (TcpAddress("a", 1),)),
        (values.file_path(), "-", "-"),
        (values.permissions(), "660", 0o660),
        (values.permissions(), "0600", 0o600),
        (values.owner(), "", (-1, -1)),
        (values.owner(), "5", (5, -1)),
        (values.owner(), ":6", (-1, 6)),
        (values.owner(), f"{OWN_USER}:{OWN_GROUP}", (os.getuid(), os.getgid())),
    ],
)
def test_allowed(kind: Kind, text: str, expected: object) -> None:
    assert kind.parse(text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (SIZE, ""),
        (SIZE, "63"),
        (SIZE, "2GiB"),
        (SIZE, "1MB"),
        (SIZE, "-1KiB"),
        (SIZE, "64.5B"),
        (SIZE, "1e6"),
        (SIZE, "٣٣٣"),
        (SIZE, "9" * 5000),
        (TIME, "0"),
        (TIME, "inf"),
        (TIME, "nan"),
        (TIME, "1w"),
        (TIME, "3601"),
        (TIME_OR_OFF, "0.5"),
        (RATE, "1KiB/m"),
        (RATE, "1"),
        (NUMBER, "0"),
        (NUMBER, "17"),
        (NUMBER, "+1"),
        (NUMBER, "9" * 5000),
        (values.flag(), "maybe"),
        (values.choice(Colour), "green"),
        (values.file_path(), ""),
        (values.file_path(), "a\0b"),
        (values.permissions(), "1777"),
        (values.permissions(), "888"),
        (values.permissions(), "66"),
    ],
)
def test_not_allowed(kind: Kind, text: str) -> None:
    with pytest.raises(NotAllowedError):
        kind.parse(text)


def test_nothing_connects_to_port_0() -> None:
    with pytest.raises(AddressError, match="nothing can be reached at port 0"):
        CONNECT.parse("a:1,b:0")


@pytest.mark.parametrize(("text", "named"), [("nosuchuser9", "user 'nosuchuser9'"), (":nosuchgroup9", "group 'nosuch")])
def test_unknown_owners(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        values.owner().parse(text)


@given(st.integers(64, GIB))
def test_sizes_come_back(count: int) -> None:
    assert SIZE.parse(format_size(count)) == count


@given(st.sampled_from([0.01, 0.25, 1.0, 5.0, 60.0, 90.0, 3600.0]))
def test_durations_come_back(seconds: float) -> None:
    assert TIME.parse(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0"), (0.005, "5ms"), (90.0, "90s"), (120.0, "2m"), (86_400.0, "1d")]
)
def test_durations_are_written_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_sizes_are_written_short() -> None:
    assert [format_size(count) for count in (0, 100, 1024, 1536, 3 * MIB, GIB)] == [
        "0B",
        "100B",
        "1KiB",
        "1536B",
        "3MiB",
        "1GiB",
    ]
