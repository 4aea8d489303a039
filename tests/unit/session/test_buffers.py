"""Buffers are recycled, counted, and kept in bounded number."""

from __future__ import annotations

from wormhole_tunnel.limits import MIB
from wormhole_tunnel.session.buffers import BUFFER_SIZE, BufferPool, Buffers


def test_the_last_buffer_given_is_the_next_one_taken() -> None:
    pool = BufferPool(100)
    first, second = pool.take(), pool.take()
    assert pool.in_use == 2
    pool.give(first)
    pool.give(second)
    assert pool.in_use == 0
    assert pool.take() is second
    assert pool.take() is first


def test_a_pool_keeps_no_more_than_four_mebibytes_free() -> None:
    pool = BufferPool(MIB)
    buffers = [pool.take() for _ in range(10)]
    for buffer in buffers:
        pool.give(buffer)
    kept = {id(buffer) for buffer in buffers[:4]}
    assert [id(pool.take()) in kept for _ in range(5)] == [True] * 4 + [False]


def test_what_is_in_use_is_counted_against_the_limit() -> None:
    buffers = Buffers(limit=4 * BUFFER_SIZE)
    record = buffers.records.take()
    buffers.inbound.take()
    assert buffers.used == 3 * BUFFER_SIZE
    exhausted = [buffers.exhausted]
    buffers.copied += BUFFER_SIZE
    exhausted.append(buffers.exhausted)
    buffers.records.give(record)
    exhausted.append(buffers.exhausted)
    assert exhausted == [False, True, False]


def test_what_waits_for_local_sockets_keeps_out_what_is_new_and_holds_up_nothing_else() -> None:
    buffers = Buffers(limit=MIB)
    buffers.waiting = MIB - 1
    assert (buffers.used, buffers.crowded) == (MIB - 1, False)
    buffers.copied += 1
    assert (buffers.used, buffers.crowded, buffers.exhausted) == (MIB, True, False)
    buffers.copied = MIB
    assert buffers.exhausted
