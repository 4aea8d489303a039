"""Pools of unproven links and token buckets: bounded, fair to whoever is not the flood."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.limits import MAX_KEYS
from wormhole_tunnel.session.admission import HandshakeLimiter, LinkPool, ProbePool, TaggedPool, TokenBucket


def source(number: int) -> bytes:
    return number.to_bytes(4, "big")


def test_nobody_is_evicted_from_a_pool_with_room() -> None:
    pool = ProbePool[int](Random(1))
    assert [pool.add(link, source(link)) for link in range(256)] == [None] * 256
    assert len(pool) == 256


def test_the_257th_link_evicts_one_of_all() -> None:
    pool = ProbePool[int](Random(1))
    for link in range(256):
        pool.add(link, source(link))
    assert pool.add(256, source(256)) in range(256)
    assert len(pool) == 256


def test_the_17th_link_of_a_source_evicts_one_of_that_source() -> None:
    pool = ProbePool[int](Random(1))
    for link in range(100):
        pool.add(link, source(link))
    for link in range(1000, 1016):
        assert pool.add(link, b"flood") is None
    evicted = [pool.add(link, b"flood") for link in range(2000, 3000)]
    assert all(link is not None and link >= 1000 for link in evicted)
    assert len(pool) == 116


@pytest.mark.parametrize(("full", "sources"), [(16, 1), (256, 256)])
def test_eviction_is_random(full: int, sources: int) -> None:
    pool = ProbePool[int](Random(1))
    for link in range(full):
        pool.add(link, source(link % sources))
    evicted = [pool.add(link, source(link % sources)) for link in range(full, 20 * full)]
    age = [new - old for new, old in enumerate(evicted, full) if old is not None]
    assert min(age) < full // 8
    assert max(age) > 2 * full


def test_a_link_that_moves_on_makes_room() -> None:
    pool = ProbePool[int](Random(1))
    for link in range(16):
        pool.add(link, b"one")
    pool.remove(3)
    assert pool.add(16, b"one") is None


def test_removing_a_link_twice_is_no_error() -> None:
    pool = ProbePool[int](Random(1))
    pool.add(1, b"one")
    pool.remove(1)
    pool.remove(1)
    assert len(pool) == 0


def test_1024_links_with_a_valid_tag() -> None:
    pool = TaggedPool[int](Random(1))
    assert [pool.add(link) for link in range(1024)] == [None] * 1024
    assert pool.add(1024) in range(1024)
    assert len(pool) == 1024


STEPS = st.tuples(st.integers(0, 50), st.sampled_from([True, True, True, False]))


@given(st.lists(STEPS, min_size=30, max_size=200), st.integers())
def test_a_pool_never_exceeds_its_bounds(steps: list[tuple[int, bool]], seed: int) -> None:
    pool = LinkPool[int](Random(seed), capacity=10, per_source=4)
    held: dict[int, bytes] = {}
    for number, (choice, is_added) in enumerate(steps):
        if is_added:
            evicted = pool.add(number, source(choice % 5))
            if evicted is not None:
                del held[evicted]
            held[number] = source(choice % 5)
        elif held:
            link = sorted(held)[choice % len(held)]
            pool.remove(link)
            del held[link]
        assert len(pool) == len(held) <= 10
        assert max([*held.values()].count(source(other)) for other in range(5)) <= 4


def test_a_bucket_is_full_at_first_and_refills_at_its_rate() -> None:
    bucket = TokenBucket(rate=2.0, burst=3)
    assert bucket.available(100.0) == 3
    for _ in range(3):
        bucket.take()
    assert bucket.available(100.0) == 0
    assert bucket.available(100.75) == pytest.approx(1.5)
    assert bucket.available(1000.0) == 3


def test_a_clock_that_goes_back_takes_no_tokens_away() -> None:
    bucket = TokenBucket(rate=1.0, burst=3)
    bucket.available(100.0)
    assert bucket.available(50.0) == 3


def allowed(limiter: HandshakeLimiter, key: str, now: float, attempts: int, *, resume: bool = False) -> int:
    return sum(limiter.allow(key, now, resume=resume) for _ in range(attempts))


def test_one_key_has_a_burst_of_200_then_50_a_second() -> None:
    limiter = HandshakeLimiter()
    assert allowed(limiter, "alice", 0.0, 500) == 200
    assert allowed(limiter, "alice", 1.0, 500) == 50
    assert allowed(limiter, "alice", 1.5, 500) == 25


def test_a_key_that_floods_leaves_another_its_share() -> None:
    limiter = HandshakeLimiter()
    for tenth in range(100):
        allowed(limiter, "eve", tenth / 10, 100)
    assert allowed(limiter, "alice", 10.0, 10) == 10


def test_all_keys_together_have_100_a_second() -> None:
    limiter = HandshakeLimiter()
    for key in ("a", "b", "c", "d"):
        allowed(limiter, key, 0.0, 300)
    assert sum(allowed(limiter, key, 1.0, 300) for key in ("a", "b", "c", "d")) == 100


def test_the_last_tokens_are_for_links_that_resume() -> None:
    limiter = HandshakeLimiter()
    assert sum(allowed(limiter, key, 0.0, 300) for key in ("a", "b")) == 300
    assert allowed(limiter, "c", 0.0, 1) == 0
    assert allowed(limiter, "c", 0.0, 300, resume=True) == 100


def test_a_refused_handshake_uses_up_nothing() -> None:
    limiter = HandshakeLimiter()
    assert sum(allowed(limiter, key, 0.0, 300) for key in ("a", "b")) == 300
    assert allowed(limiter, "c", 0.0, 1000) == 0
    assert allowed(limiter, "c", 10.0, 1000) == 200


def test_names_of_former_keys_are_forgotten() -> None:
    limiter = HandshakeLimiter()
    for number in range(MAX_KEYS + 10):
        limiter.allow(f"key{number}", float(number), resume=False)
    assert len(limiter) == MAX_KEYS
