"""The inbox: records out of any pieces, from buffers that go back as soon as nothing is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.crypto.aead import CIPHER_CHACHA20_POLY1305
from wormhole_tunnel.errors import RecordError
from wormhole_tunnel.limits import KIB, MAX_RECORD_PAYLOAD
from wormhole_tunnel.session.buffers import BUFFER_SIZE, Buffers
from wormhole_tunnel.session.inbox import Inbox
from wormhole_tunnel.wire.records import RecordOpener, RecordSealer

SECRET = bytes(range(44))
SIZES = st.integers(0, 200) | st.sampled_from([16 * KIB, 16 * KIB + 1, 100_000, MAX_RECORD_PAYLOAD])


def sealed(sizes: list[int]) -> bytes:
    sealer = RecordSealer(CIPHER_CHACHA20_POLY1305, SECRET)
    return b"".join(sealer.seal(memoryview(bytes([number]) * size)) for number, size in enumerate(sizes))


def new_inbox() -> tuple[Inbox, Buffers]:
    buffers = Buffers()
    return Inbox(buffers, RecordOpener(CIPHER_CHACHA20_POLY1305, SECRET)), buffers


def drain(inbox: Inbox) -> list[tuple[int, int]]:
    """Of each record that is complete: its first byte and its size."""
    found = []
    while (record := inbox.next_record()) is not None:
        found.append((record[0] if record else 0, len(record)))
        inbox.record_applied()
    return found


@given(st.lists(SIZES, min_size=1, max_size=5), st.integers(1, 400_000))
def test_records_come_whole_out_of_any_pieces(sizes: list[int], piece: int) -> None:
    inbox, buffers = new_inbox()
    wire = memoryview(sealed(sizes))
    found = []
    while wire:
        space = inbox.space()
        assert len(space) > 0
        taken = min(len(space), len(wire), max(piece, len(wire) // 100))
        space[:taken] = wire[:taken]
        inbox.filled(taken)
        wire = wire[taken:]
        found += drain(inbox)
    assert found == [(number if size else 0, size) for number, size in enumerate(sizes)]
    assert not inbox.partial
    assert buffers.used == 0


def test_what_is_left_of_a_large_buffer_is_moved_to_its_front() -> None:
    inbox, _ = new_inbox()
    wire = sealed([MAX_RECORD_PAYLOAD, 300, 50_000])
    space = inbox.space()
    space[: len(wire) - 10] = wire[:-10]
    inbox.filled(len(wire) - 10)
    assert drain(inbox) == [(0, MAX_RECORD_PAYLOAD), (1, 300)]
    assert len(inbox.space()) == 2 * BUFFER_SIZE - 50_000 - 16 + 10
    inbox.space()[:10] = wire[-10:]
    inbox.filled(10)
    assert drain(inbox) == [(2, 50_000)]


def test_an_idle_inbox_holds_no_buffer_and_a_partial_record_one() -> None:
    inbox, buffers = new_inbox()
    wire = sealed([100])
    inbox.space()[:50] = wire[:50]
    inbox.filled(50)
    assert drain(inbox) == []
    assert inbox.partial
    assert buffers.inbound.in_use == 1
    inbox.space()[: len(wire) - 50] = wire[50:]
    inbox.filled(len(wire) - 50)
    assert drain(inbox) == [(0, 100)]
    assert buffers.used == 0


@pytest.mark.parametrize("size", [10, 100_000])
def test_closing_gives_everything_back(size: int) -> None:
    inbox, buffers = new_inbox()
    wire = sealed([size, size])
    inbox.space()[: len(wire) - 1] = wire[:-1]
    inbox.filled(len(wire) - 1)
    assert inbox.next_record() is not None
    inbox.close()
    inbox.close()
    assert buffers.used == 0
    assert not inbox.partial
    assert inbox.next_record() is None


def test_a_record_that_fails_leaves_nothing_to_read() -> None:
    inbox, buffers = new_inbox()
    wire = bytearray(sealed([100_000]))
    wire[-1] ^= 1
    inbox.space()[: len(wire)] = wire
    inbox.filled(len(wire))
    with pytest.raises(RecordError):
        inbox.next_record()
    inbox.close()
    assert buffers.used == 0
