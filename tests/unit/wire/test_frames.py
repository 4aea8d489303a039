"""Frames: what is packed is parsed, and nothing else is; every other byte string is a FrameError."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.errors import FrameError
from wormhole_tunnel.limits import MAX_RECORD_PAYLOAD
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.frames import Frame, FrameType, ResetCode, SourceAddress
from wormhole_tunnel.wire.parser import frame_end, parse_data, parse_frame, stream_of

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
CODES = st.sampled_from(ResetCode)
SOURCES = st.none() | st.builds(SourceAddress, st.ip_addresses().map(str), st.integers(0, 65_535))
SERVICES = st.text().filter(lambda name: len(name.encode()) <= 255)

FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(frames.Hello, U32, U32, U32, U32),
    st.builds(frames.Resume, st.binary(min_size=16, max_size=16), U32, U64, st.binary(min_size=32, max_size=32)),
    st.builds(frames.Resumed, U32, U64, st.binary(min_size=32, max_size=32)),
    st.builds(frames.NoSession),
    st.builds(frames.Ack, U64),
    st.builds(frames.Ping, U64),
    st.builds(frames.Pong, U64),
    st.builds(frames.Open, U32, SERVICES, SOURCES),
    st.builds(frames.Opened, U32),
    st.builds(frames.Fin, U32, U64),
    st.builds(frames.Rst, U32, CODES),
    st.builds(frames.Window, U32, U64),
    st.builds(frames.GoAway, U32),
    st.builds(frames.Close, CODES),
)


SAMPLES: list[Frame] = [
    frames.Hello(0, 120, 65_536, 1000),
    frames.Resume(bytes(16), 1, 2, bytes(32)),
    frames.Resumed(1, 2, bytes(32)),
    frames.NoSession(),
    frames.Ack(1),
    frames.Ping(2**64 - 1),
    frames.Pong(0),
    frames.Open(1, "", None),
    frames.Open(2, "name", SourceAddress("192.0.2.1", 80)),
    frames.Open(3, "é" * 127, SourceAddress("2001:db8::1", 65_535)),
    frames.Opened(1),
    frames.Fin(1, 2**40),
    frames.Rst(1, ResetCode.PROTOCOL),
    frames.Window(1, 2**40),
    frames.GoAway(9),
    frames.Close(ResetCode.RESET),
]

WHOLE: dict[type, Callable[..., bytes]] = {
    frames.Hello: frames.pack_hello,
    frames.Resume: frames.pack_resume,
    frames.Resumed: frames.pack_resumed,
}
BY_FIELDS: dict[type, Callable[..., bytes]] = {
    frames.NoSession: frames.pack_no_session,
    frames.Ack: frames.pack_ack,
    frames.Ping: frames.pack_ping,
    frames.Pong: frames.pack_pong,
    frames.Open: frames.pack_open,
    frames.Opened: frames.pack_opened,
    frames.Fin: frames.pack_fin,
    frames.Rst: frames.pack_rst,
    frames.Window: frames.pack_window,
    frames.GoAway: frames.pack_goaway,
    frames.Close: frames.pack_close,
}


def pack(frame: Frame) -> bytes:
    if type(frame) in WHOLE:
        return WHOLE[type(frame)](frame)
    return BY_FIELDS[type(frame)](*(getattr(frame, field.name) for field in fields(frame)))


def pack_data(stream: int, data: bytes) -> bytes:
    packed = bytearray(frames.DATA_HEADER) + data
    frames.pack_data_header_into(memoryview(packed), 0, stream, len(data))
    return bytes(packed)


@given(FRAMES, st.binary(max_size=20), st.binary(max_size=20))
def test_a_frame_packs_and_parses_anywhere_in_a_record(frame: Frame, before: bytes, behind: bytes) -> None:
    packed = pack(frame)
    record = memoryview(before + packed + behind)
    assert parse_frame(record, len(before)) == (frame, len(before) + len(packed))
    assert frame_end(record, len(before)) == len(before) + len(packed)


@pytest.mark.parametrize("frame", SAMPLES, ids=str)
def test_each_truncation_of_a_frame_is_refused(frame: Frame) -> None:
    packed = pack(frame)
    assert parse_frame(memoryview(packed), 0) == (frame, len(packed))
    for size in range(1, len(packed)):
        with pytest.raises(FrameError):
            parse_frame(memoryview(packed[:size]), 0)


@given(U32, st.binary(max_size=200), st.integers(0, 20))
def test_data_parses_in_its_bounds(stream: int, data: bytes, behind: int) -> None:
    record = memoryview(pack_data(stream, data) + bytes(behind))
    parsed, start, end = parse_data(record, 0)
    assert parsed == stream
    assert bytes(record[start:end]) == data
    assert frame_end(record, 0) == len(record) - behind


@given(U32, st.binary(max_size=40))
def test_each_truncation_of_data_is_refused(stream: int, data: bytes) -> None:
    packed = pack_data(stream, data)
    for size in range(1, len(packed)):
        with pytest.raises(FrameError):
            parse_data(memoryview(packed[:size]), 0)


def test_data_as_long_as_a_record_keeps_all_24_bits_of_its_length() -> None:
    size = MAX_RECORD_PAYLOAD - frames.DATA_HEADER
    assert size > 0xFFFF
    assert parse_data(memoryview(pack_data(7, bytes(size))), 0)[2] == MAX_RECORD_PAYLOAD


def test_an_unknown_code_is_named() -> None:
    unknown = set(range(256)) - {int(known) for known in FrameType}
    for code in unknown:
        with pytest.raises(FrameError, match=f"unknown frame 0x{code:02x}"):
            parse_frame(memoryview(bytes([code]) + bytes(80)), 0)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_any_bytes_give_a_frame_or_a_frame_error(record: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(record) - 1))
    try:
        end = frame_end(memoryview(record), position)
    except FrameError:
        return
    assert position < end <= len(record)


@pytest.mark.parametrize("packed", [frames.pack_rst(1, ResetCode.LIMIT), frames.pack_close(ResetCode.LIMIT)])
def test_a_reason_of_the_future_is_a_reset(packed: bytes) -> None:
    frame, _ = parse_frame(memoryview(packed[:-1] + b"\xc8"), 0)
    assert isinstance(frame, frames.Rst | frames.Close)
    assert frame.code is ResetCode.RESET


@pytest.mark.parametrize("frame", [frame for frame in SAMPLES if pack(frame)[0] >= frames.FIRST_RELIABLE], ids=str)
def test_the_stream_of_a_frame_is_read_without_the_rest_of_it(frame: Frame) -> None:
    assert stream_of(b"\0" + pack(frame), 1) == getattr(frame, "stream", None)


def test_a_service_that_is_not_utf_8_is_refused() -> None:
    packed = frames.pack_open(1, "service").replace(b"service", b"serv\xffce")
    with pytest.raises(FrameError, match="UTF-8"):
        parse_frame(memoryview(packed), 0)


@pytest.mark.parametrize("family", [1, 2, 3, 5, 7, 255])
def test_a_source_of_an_unknown_family_is_refused(family: int) -> None:
    packed = frames.pack_open(1)[:-1] + bytes([family]) + bytes(18)
    with pytest.raises(FrameError, match="family"):
        parse_frame(memoryview(packed), 0)


def test_a_service_name_has_at_most_255_bytes() -> None:
    assert len(frames.pack_open(1, "é" * 127 + "e")) == 5 + 1 + 255 + 1
    with pytest.raises(ValueError, match="255"):
        frames.pack_open(1, "é" * 128)


def test_a_source_is_an_ip_address() -> None:
    with pytest.raises(ValueError, match=r"example\.org"):
        frames.pack_open(1, "", SourceAddress("example.org", 80))
    packed = frames.pack_open(1, "", SourceAddress("2001:db8::1", 80))
    assert packed[6] == 6
    assert packed[7:23] == ipaddress.ip_address("2001:db8::1").packed
