"""What is counted: links ended and open, sessions, moments of the time line."""

from __future__ import annotations

from dataclasses import dataclass

from wormhole_tunnel.observe.counters import MOMENTS_KEPT, Counters, HandshakeResult, LinkCounts, LinkTally, MomentKind


@dataclass(eq=False)
class Link:
    bytes_sent: int = 0
    bytes_received: int = 0
    records_sent: int = 0
    records_received: int = 0
    padding_bytes: int = 0


def test_a_tally_has_ended_links_and_open_ones() -> None:
    tally, first, second = LinkTally(), Link(1, 2, 3, 4, 5), Link(10, 20, 30, 40, 50)
    tally.begin(first)
    tally.begin(second)
    tally.end(first)
    second.bytes_sent += 100
    assert tally.total == LinkCounts(111, 22, 33, 44, 55)


def test_an_ended_link_counts_once_and_no_further() -> None:
    tally, link = LinkTally(), Link(1)
    tally.begin(link)
    tally.end(link)
    link.bytes_sent += 100
    tally.end(link)
    assert tally.total == LinkCounts(1)


def test_a_link_that_never_began_does_not_count() -> None:
    tally = LinkTally()
    tally.end(Link(1))
    assert tally.total == LinkCounts()


def test_links_that_come_up_are_handshakes_sessions_and_resumptions() -> None:
    counters = Counters()
    counters.link_up("peer", 1.0, 0.5, resumed=False)
    counters.link_up("peer", 2.0, 0.25, resumed=True)
    assert counters.handshakes == {HandshakeResult.OK: 2}
    assert (counters.sessions, counters.resumptions, counters.linkless_seconds) == (1, 1, 0.75)
    assert [moment.kind for moment in counters.moments] == [MomentKind.UP, MomentKind.RESUMED]


def test_a_session_that_ended_as_wanted_is_not_lost() -> None:
    counters = Counters()
    counters.session_ended("peer", 1.0, 2.0, lost=False)
    assert (counters.sessions_lost, counters.linkless_seconds, list(counters.moments)) == (0, 2.0, [])


def test_a_session_that_is_lost_stands_on_the_time_line() -> None:
    counters = Counters()
    counters.session_ended("peer", 1.0, 2.0, lost=True)
    assert counters.sessions_lost == 1
    assert counters.moments[-1].kind is MomentKind.SESSION_LOST


def test_the_time_line_is_bounded() -> None:
    counters = Counters()
    for number in range(2 * MOMENTS_KEPT):
        counters.link_lost("peer", float(number))
    assert [moment.time for moment in counters.moments] == list(range(MOMENTS_KEPT, 2 * MOMENTS_KEPT))


def test_connections_are_counted_by_outcome_with_their_bytes() -> None:
    counters = Counters()
    counters.connection_ended("clean", 10, 20)
    counters.connection_ended("reset", 1, 2)
    counters.connection_ended("clean", 0, 0)
    assert counters.ended == {"clean": 2, "reset": 1}
    assert (counters.sent, counters.received) == (11, 22)
