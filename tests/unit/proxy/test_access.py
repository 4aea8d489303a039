from __future__ import annotations

import ipaddress

import pytest

from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.net.addresses import SourceAddress
from wormhole_tunnel.proxy.access import Access, Refusal


def access(*allow: str, max_per_source: int = 0) -> Access:
    return Access(TunnelSettings(allow=tuple(map(ipaddress.ip_network, allow)), max_per_source=max_per_source))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.1.2.3", None),
        ("192.0.2.7", None),
        ("192.0.2.8", Refusal.NOT_ALLOWED),
        ("2001:db8::1", None),
        ("2001:db9::1", Refusal.NOT_ALLOWED),
        ("::a01:203", Refusal.NOT_ALLOWED),
        ("", None),
    ],
)
def test_networks(host: str, expected: Refusal | None) -> None:
    assert access("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32").refusal(SourceAddress(host, 1)) is expected


def test_everybody_is_allowed_where_nothing_is_said() -> None:
    assert access().refusal(SourceAddress("203.0.113.9", 1)) is None


def test_a_source_has_a_limit_of_its_own_and_gets_it_back() -> None:
    limited = access(max_per_source=2)
    one, other = SourceAddress("192.0.2.1", 1), SourceAddress("192.0.2.2", 1)
    limited.enter(one)
    limited.enter(one)
    assert limited.refusal(one) is Refusal.TOO_MANY
    assert limited.refusal(other) is None
    limited.leave(one)
    assert limited.refusal(one) is None
    limited.leave(one)
    assert len(limited) == 0


def test_an_ipv6_source_is_its_network_of_64_bits() -> None:
    limited = access(max_per_source=1)
    limited.enter(SourceAddress("2001:db8::1", 1))
    assert limited.refusal(SourceAddress("2001:db8::ffff:2", 1)) is Refusal.TOO_MANY
    assert limited.refusal(SourceAddress("2001:db8:0:1::1", 1)) is None


def test_unix_sockets_are_never_counted() -> None:
    limited = access(max_per_source=1)
    limited.enter(SourceAddress())
    assert len(limited) == 0
    assert limited.refusal(SourceAddress()) is None
