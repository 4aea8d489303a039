"""The memory of headers: bounded, and the two kinds apart."""

from __future__ import annotations

import pytest

from wormhole_tunnel.legacy.errors import LegacyHeaderError
from wormhole_tunnel.legacy.seen import SeenHeaders


def header(number: int) -> bytes:
    return number.to_bytes(24, "big")


def knows(seen: SeenHeaders, number: int) -> bool:
    try:
        seen.check(header(number))
    except LegacyHeaderError:
        return True
    return False


def test_the_oldest_goes_first() -> None:
    seen = SeenHeaders(limit=3)
    for number in range(4):
        seen.add_received(header(number))
    assert [knows(seen, number) for number in range(4)] == [False, True, True, True]


def test_one_that_is_replayed_stays() -> None:
    seen = SeenHeaders(limit=3)
    for number in range(3):
        seen.add_received(header(number))
    assert knows(seen, 0)
    seen.add_received(header(3))
    assert [knows(seen, number) for number in (1, 0)] == [False, True]


def test_headers_sent_do_not_push_out_those_received() -> None:
    seen = SeenHeaders(limit=2)
    seen.add_received(header(1))
    for number in range(10, 20):
        seen.add_sent(header(number))
    assert knows(seen, 1)
    assert [knows(seen, number) for number in (17, 18, 19)] == [False, True, True]


def test_a_header_of_ours_must_be_fresh() -> None:
    seen = SeenHeaders()
    seen.add_sent(header(1))
    with pytest.raises(ValueError, match="fresh random bytes"):
        seen.add_sent(header(1))
