"""The decisions: which destination is next, for how long a failed one is avoided, which address of a name."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.config.options import Preference
from wormhole_tunnel.limits import REDIAL_FIRST, REDIAL_MAX
from wormhole_tunnel.proxy.failover import Health, Round, ranked

NOW = 1000.0
HOME, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class NoJitter:
    """The middle of every range."""

    def uniform(self, a: float, b: float, /) -> float:
        return (a + b) / 2


@dataclass
class Server:
    name: str
    load: int = 0
    bad: bool = False

    def avoided(self, _now: float) -> bool:
        return self.bad


def order(servers: list[Server], preference: Preference = Preference.LEAST_LOAD) -> list[str]:
    return [server.name for server in ranked(servers, preference, NOW)]


# --- which one --------------------------------------------------------------------------------------------------------


def test_the_least_loaded_is_first_and_of_equals_the_one_named_first() -> None:
    assert order([Server("a", 2), Server("b", 1), Server("c", 1)]) == ["b", "c", "a"]


def test_in_order_load_does_not_matter() -> None:
    assert order([Server("a", 2), Server("b", 0)], Preference.ORDERED) == ["a", "b"]


def test_what_is_to_be_avoided_comes_last_and_is_still_there() -> None:
    servers = [Server("a", bad=True), Server("b", 9), Server("c", 1, bad=True)]
    assert order(servers) == ["b", "a", "c"]
    assert order(servers, Preference.ORDERED) == ["b", "a", "c"]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=6), st.sampled_from(Preference))
def test_nobody_is_left_out(servers: list[tuple[int, bool]], preference: Preference) -> None:
    made = [Server(str(index), load, bad) for index, (load, bad) in enumerate(servers)]
    chosen = ranked(made, preference, NOW)
    assert sorted(server.name for server in chosen) == sorted(server.name for server in made)
    assert [server.bad for server in chosen] == sorted(server.bad for server in made)


# --- for how long -----------------------------------------------------------------------------------------------------


def test_a_failed_one_is_avoided_at_once_and_longer_each_time() -> None:
    health = Health(NoJitter())
    assert not health.avoided(NOW)
    now = NOW
    pauses = []
    for _ in range(10):
        pauses.append(health.failed(now))
        assert health.avoided(now)
        now += pauses[-1]
        assert not health.avoided(now)
    assert pauses[:3] == [REDIAL_FIRST, 2 * REDIAL_FIRST, 4 * REDIAL_FIRST]
    assert pauses[-1] == REDIAL_MAX


def test_many_failures_at_once_count_as_one() -> None:
    health = Health(NoJitter())
    for _ in range(100):
        health.failed(NOW)
    assert health.retry_at == NOW + REDIAL_FIRST


def test_success_is_told_once_and_forgives_everything() -> None:
    health = Health(NoJitter())
    assert not health.succeeded()
    health.failed(NOW)
    health.failed(NOW + REDIAL_FIRST)
    assert health.succeeded()
    assert not health.succeeded()
    assert not health.avoided(NOW)
    assert health.failed(NOW) == REDIAL_FIRST


# --- which address ----------------------------------------------------------------------------------------------------


def test_home_goes_first_and_what_was_in_vain_is_left_out() -> None:
    addresses = Round()
    assert addresses.order([OTHER, HOME, THIRD], HOME) == [HOME, OTHER, THIRD]
    assert addresses.tried(HOME)
    assert addresses.order([OTHER, HOME, THIRD], HOME) == [OTHER, THIRD]
    assert addresses.tried(OTHER)
    assert not addresses.tried(THIRD)


def test_a_new_round_has_them_all() -> None:
    addresses = Round()
    addresses.order([HOME, OTHER], None)
    addresses.tried(HOME)
    addresses.begin()
    assert addresses.order([HOME, OTHER], None) == [HOME, OTHER]


def test_there_is_always_something_to_dial() -> None:
    addresses = Round()
    addresses.order([HOME], None)
    assert not addresses.tried(HOME)
    assert addresses.order([HOME], None) == [HOME]


def test_a_name_that_has_changed_is_tried_with_its_new_addresses() -> None:
    addresses = Round()
    addresses.order([HOME, OTHER], None)
    assert addresses.tried(HOME)
    assert addresses.order([THIRD], None) == [THIRD]
    assert addresses.addresses == 1
    assert not addresses.tried(THIRD)


def test_an_address_without_a_name_has_no_others() -> None:
    assert not Round().tried(HOME)
