"""The composing side: order, room, numbers, retention, and what is taken back before it was sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.hostile import data_frame
from tests.unit.wire.independent_records import read_frames
from wormhole_tunnel.limits import INITIAL_WINDOW, MAX_RECORD_WIRE, MIN_PACED_RECORD
from wormhole_tunnel.session.buffers import BUFFER_SIZE, HEADROOM, Buffers
from wormhole_tunnel.session.outbound import Outbound
from wormhole_tunnel.session.stream import Stream
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import ResetCode
from wormhole_tunnel.wire.framing import Framing

RESUME_BUFFER = 2**24


def new_outbound(buffers: Buffers | None = None, resume_buffer: int = RESUME_BUFFER) -> Outbound:
    return Outbound(buffers or Buffers(), Framing(), resume_buffer)


def wide(stream_id: int) -> Stream:
    """A stream whose peer takes anything."""
    return Stream(stream_id, 2**40, 0.0)


def put(outbound: Outbound, stream: Stream, data: bytes) -> int:
    space = outbound.reserve(stream, len(data))
    if space is None:
        return 0
    space[:] = data[: len(space)]
    outbound.commit(stream, len(space))
    return len(space)


def take(outbound: Outbound, prefix: bytes = b"") -> bytes:
    payload, buffer = outbound.take_record(prefix, 0.0)
    sealed = bytes(payload)
    outbound.release(buffer)
    return sealed


def kinds(payload: bytes) -> list[tuple[str, int]]:
    return [(frame["frame"], frame.get("stream", 0)) for frame in read_frames(payload)]


def test_frames_leave_in_the_order_in_which_they_were_said() -> None:
    outbound, stream = new_outbound(), wide(1)
    outbound.control(frames.pack_open(1))
    put(outbound, stream, b"one")
    outbound.control(frames.pack_window(1, 9))
    put(outbound, stream, b"two")
    outbound.control(frames.pack_fin(1, 6))
    assert outbound.upcoming_number == 5
    record = take(outbound, frames.pack_ack(7))
    assert [name for name, _ in kinds(record)] == ["ACK", "OPEN", "DATA", "WINDOW", "DATA", "FIN"]
    assert outbound.next_number == 5
    assert not outbound.pending


def test_the_longest_prefix_fits_in_front_of_the_fullest_record() -> None:
    outbound, stream = new_outbound(), wide(1)
    while put(outbound, stream, b"x" * MAX_RECORD_WIRE):
        pass
    assert outbound.full
    outbound.control(frames.pack_fin(1, stream.sent))
    record = take(outbound, b"\x05" + bytes(8) + b"\x06" + bytes(HEADROOM - 10))
    assert len(record) + 35 == MAX_RECORD_WIRE


def test_control_frames_that_find_no_room_wait_and_data_waits_behind_them() -> None:
    outbound, stream = new_outbound(), wide(1)
    window = frames.pack_window(1, 9)
    while put(outbound, stream, b"x" * 100_000):
        pass
    for _ in range(30_000):
        outbound.control(window)
    assert put(outbound, stream, b"late") == 0
    records = [kinds(take(outbound)) for _ in range(3)]
    assert sum(record.count(("WINDOW", 1)) for record in records) == 30_000
    assert not outbound.pending
    assert put(outbound, stream, b"late") == 4


def test_a_short_frame_does_not_overtake_a_long_one_that_waits() -> None:
    outbound, stream = new_outbound(), wide(1)
    while put(outbound, stream, b"x" * 100_000):
        pass
    outbound.control(frames.pack_open(2, "a name too long for the rest of this record".ljust(200)))
    outbound.control(frames.pack_rst(2, ResetCode.RESET))
    assert kinds(take(outbound))[-1] == ("DATA", 1)
    assert kinds(take(outbound)) == [("OPEN", 2), ("RST", 2)]


def test_data_is_bounded_by_credit_and_by_what_is_asked_for() -> None:
    outbound, stream = new_outbound(), Stream(1, INITIAL_WINDOW, 0.0)
    assert put(outbound, stream, b"x" * 10) == 10
    assert put(outbound, stream, b"x" * 100_000) == INITIAL_WINDOW - 10
    assert put(outbound, stream, b"x") == 0


def test_records_shrink_for_a_slow_path_and_grow_again() -> None:
    outbound, stream = new_outbound(), wide(1)
    outbound.limit_record(MIN_PACED_RECORD)
    small = put(outbound, stream, b"x" * MAX_RECORD_WIRE)
    assert MIN_PACED_RECORD - 100 < small <= MIN_PACED_RECORD
    take(outbound)
    outbound.limit_record(MAX_RECORD_WIRE)
    assert put(outbound, stream, b"x" * MAX_RECORD_WIRE) > MAX_RECORD_WIRE - 1000


def test_bulk_keeps_the_buffer_it_was_composed_in_and_small_records_a_copy() -> None:
    buffers = Buffers()
    outbound, stream = new_outbound(buffers), wide(1)
    put(outbound, stream, b"small")
    take(outbound)
    assert buffers.records.in_use == 0
    assert 0 < buffers.copied < 1000
    put(outbound, stream, b"x" * 200_000)
    take(outbound)
    assert buffers.records.in_use == 1
    assert outbound.retention.cost == buffers.copied + BUFFER_SIZE
    assert outbound.acknowledge(1) is not None
    assert buffers.copied == 0
    outbound.acknowledge(2)
    assert buffers.used == 0
    assert outbound.settled


def test_nothing_is_kept_where_nothing_can_be_resumed() -> None:
    buffers = Buffers()
    outbound, stream = new_outbound(buffers, resume_buffer=0), wide(1)
    for _ in range(3):
        put(outbound, stream, b"x" * 200_000)
        take(outbound)
    assert buffers.used == 0
    assert len(outbound.retention) == 0
    outbound.acknowledge(2)
    assert not outbound.settled
    outbound.acknowledge(3)
    assert outbound.settled


def test_no_data_is_taken_in_when_the_memory_of_the_process_is_used_up() -> None:
    buffers = Buffers(limit=2 * BUFFER_SIZE)
    outbound, stream = new_outbound(buffers), wide(1)
    for _ in range(2):
        put(outbound, stream, b"x" * 200_000)
        take(outbound)
    assert put(outbound, stream, b"more") == 0
    outbound.control(frames.pack_rst(2, ResetCode.LIMIT))
    assert kinds(take(outbound)) == [("RST", 2)]
    outbound.acknowledge(1)
    assert put(outbound, stream, b"more") == 4


def test_clearing_gives_all_memory_back() -> None:
    buffers = Buffers()
    outbound, stream = new_outbound(buffers), wide(1)
    for _ in range(3):
        put(outbound, stream, b"x" * 200_000)
        take(outbound)
    put(outbound, stream, b"composed")
    outbound.clear()
    outbound.clear()
    assert buffers.used == 0
    assert not outbound.pending


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["DATA", "WINDOW", "OPEN"])), max_size=40), st.booleans())
def test_frames_of_streams_that_were_withdrawn_never_leave(said: list[tuple[int, str]], crowded: bool) -> None:
    outbound = new_outbound()
    streams = {number: wide(number) for number in range(1, 5)}
    if crowded:
        outbound.limit_record(0)  # most control frames have to queue
    for number, kind in said:
        if kind == "DATA":
            put(outbound, streams[number], b"data")
        else:
            outbound.control(frames.pack_open(number) if kind == "OPEN" else frames.pack_window(number, 5))
    outbound.withdraw({2, 4})
    outbound.control(frames.pack_goaway(3))
    outbound.withdraw({2, 4})
    left = drain(outbound)
    assert not {stream for _, stream in left} & {2, 4}
    controls = [(kind, number) for number, kind in said if kind != "DATA" and number not in (2, 4)]
    assert [frame for frame in left if frame[0] not in ("DATA", "GOAWAY")] == controls
    assert left[-1] == ("GOAWAY", 0)
    assert outbound.next_number == len(left)


def test_withdrawing_from_nothing_is_nothing() -> None:
    outbound = new_outbound()
    outbound.withdraw({1})
    assert not outbound.pending


def drain(outbound: Outbound) -> list[tuple[str, int]]:
    """Everything that is still to be sent."""
    found = []
    while outbound.pending:
        found += kinds(take(outbound))
    return found


def test_what_was_composed_is_read_back_as_it_was() -> None:
    outbound, stream = new_outbound(), wide(9)
    put(outbound, stream, b"payload")
    assert take(outbound).startswith(data_frame(9, b"payload"))
