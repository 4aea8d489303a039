"""What is kept until acknowledged: frames by number, also where an acknowledgement ends in the middle of a record."""

from __future__ import annotations

import pytest

from tests.engine.hostile import data_frame
from wormhole_tunnel.session.buffers import BUFFER_SIZE, Buffers
from wormhole_tunnel.session.retention import Chunk, Retention
from wormhole_tunnel.wire import frames

FRAMES = [frames.pack_open(1), data_frame(1, b"one"), data_frame(1, b"two"), frames.pack_fin(1, 6)]


def kept(buffers: Buffers, *records: list[bytes]) -> Retention:
    """A retention that holds these records, their frames numbered from 0."""
    retention, number = Retention(buffers), 0
    for record in records:
        buffer = buffers.records.take()
        joined = b"".join(record)
        buffer[: len(joined)] = joined
        chunk = Chunk(buffer[: len(joined)], number, number + len(record), 0.0, buffer)
        retention.keep(chunk)
        if not chunk.owns_buffer:
            buffers.records.give(buffer)
        number += len(record)
    return retention


@pytest.mark.parametrize("received", range(5))
def test_what_follows_an_acknowledged_number_is_kept_exactly(received: int) -> None:
    retention = kept(Buffers(), FRAMES)
    retention.acknowledge(received)
    rest = retention.resend(5.0)
    expected = [(b"".join(FRAMES[received:]), 4)] if received < 4 else []
    assert [(bytes(frames_left), end) for frames_left, end in rest] == expected


def test_records_are_let_go_one_after_the_other() -> None:
    retention = kept(Buffers(), FRAMES, FRAMES, FRAMES)
    assert retention.acknowledge(3) is None
    assert len(retention) == 3
    newest = retention.acknowledge(9)
    assert newest is not None
    assert newest.end == 8
    assert retention.oldest is not None
    assert retention.oldest.first == 8


def test_memory_is_counted_while_it_is_held() -> None:
    buffers = Buffers()
    retention = kept(buffers, [data_frame(1, bytes(200_000))], FRAMES)
    assert retention.cost == BUFFER_SIZE + buffers.copied
    assert buffers.used == retention.cost
    retention.clear()
    retention.clear()
    assert retention.cost == buffers.used == 0
    assert retention.oldest is None


def test_the_oldest_is_what_was_kept_first() -> None:
    retention = Retention(Buffers())
    assert (retention.oldest, retention.acknowledged, retention.delivered, retention.cost) == (None, 0, 0, 0)
    retention = kept(Buffers(), FRAMES, FRAMES)
    assert retention.oldest is not None
    assert retention.oldest.first == 0
    retention.acknowledge(4)
    assert retention.oldest is not None
    assert retention.oldest.first == 4


def test_what_was_delivered_meanwhile_is_told_by_each_record() -> None:
    size = len(b"".join(FRAMES))
    retention = kept(Buffers(), FRAMES, FRAMES)
    assert retention.length == 2 * size
    newest = retention.acknowledge(4)
    assert newest is not None
    assert (newest.delivered_before, retention.delivered, retention.length) == (0, size, size)
