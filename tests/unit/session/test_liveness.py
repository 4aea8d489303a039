"""Pings, pongs and patience, one decision at a time."""

from __future__ import annotations

import pytest

from wormhole_tunnel.limits import DEAD_AFTER, HANDSHAKE_TIMEOUT, PING_AFTER, SPARE_AFTER, SPARE_ROUND_TRIPS
from wormhole_tunnel.session.liveness import Liveness
from wormhole_tunnel.wire.frames import pack_ping, pack_pong


def confirmed(now: float = 0.0) -> Liveness:
    liveness = Liveness(now)
    liveness.confirmed()
    return liveness


def test_nobody_is_pinged_before_the_handshake_is_over() -> None:
    liveness = Liveness(0.0)
    assert liveness.take_frames(5.0) == b""
    assert not liveness.owes(PING_AFTER)
    assert liveness.deadline() == HANDSHAKE_TIMEOUT


def test_the_handshake_has_one_deadline_however_much_is_heard() -> None:
    liveness = Liveness(0.0)
    liveness.heard_at = HANDSHAKE_TIMEOUT - 0.1
    assert not liveness.dead(HANDSHAKE_TIMEOUT - 0.1)
    assert liveness.dead(HANDSHAKE_TIMEOUT)
    assert "handshake" in liveness.reason(HANDSHAKE_TIMEOUT)


def test_a_server_that_has_answered_may_be_slow_but_not_silent() -> None:
    liveness = Liveness(0.0)
    liveness.answered()
    liveness.heard_at = 9.0
    assert not liveness.dead(18.9)
    assert liveness.dead(9.0 + HANDSHAKE_TIMEOUT)
    liveness.confirmed()
    assert not liveness.dead(9.0 + HANDSHAKE_TIMEOUT)


def test_silence_is_pinged_and_then_pinged_again_until_it_is_death() -> None:
    liveness = confirmed()
    times: list[float] = []
    now = 0.0
    while not liveness.dead(now):
        if liveness.owes(now):
            assert liveness.take_frames(now) == pack_ping(len(times) + 1)
            times.append(now)
        now = min(liveness.deadline(), now + 1)
    assert times == [PING_AFTER, 2 * PING_AFTER]
    assert now == DEAD_AFTER
    assert "45 s" in liveness.reason(now)


def test_a_ping_is_answered_once_and_by_its_token() -> None:
    liveness = confirmed()
    liveness.take_frames(0.0)
    liveness.owe_pong(7)
    liveness.owe_pong(8)
    assert liveness.owes(0.1)
    assert liveness.take_frames(0.1) == pack_pong(8)
    assert liveness.take_frames(0.1) == b""


def test_a_ping_rides_along_once_a_second_but_not_while_one_is_unanswered() -> None:
    liveness = confirmed()
    assert liveness.take_frames(10.0) == pack_ping(1)
    assert liveness.take_frames(12.0) == b""
    assert liveness.receive_pong(1, 12.5)
    assert liveness.take_frames(12.5) == pack_ping(2)
    assert liveness.receive_pong(2, 12.6)
    assert liveness.take_frames(13.4) == b""
    assert liveness.take_frames(13.5) == pack_ping(3)


def test_the_round_trip_is_smoothed() -> None:
    liveness = confirmed()
    liveness.take_frames(0.0)
    assert not liveness.receive_pong(99, 0.05)
    assert liveness.receive_pong(1, 0.1)
    assert not liveness.receive_pong(1, 0.2)
    assert liveness.round_trip == pytest.approx(0.1)
    liveness.take_frames(2.0)
    liveness.receive_pong(2, 2.9)
    assert liveness.round_trip == pytest.approx(0.2)


@pytest.mark.parametrize(("round_trip", "patience"), [(0.1, SPARE_AFTER), (2.0, 2.0 * SPARE_ROUND_TRIPS)])
def test_suspicion_waits_for_what_the_path_explains(round_trip: float, patience: float) -> None:
    liveness = confirmed()
    liveness.round_trip = round_trip
    liveness.heard_at = 50.0
    assert liveness.suspect_at(40.0) == 50.0 + patience
    assert liveness.suspect_at(60.0) == 60.0 + patience
    liveness.drained_at = 70.0
    assert liveness.suspect_at(60.0) == 70.0 + patience
