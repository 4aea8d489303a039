"""The project's own vectors of first records, read by the code and by the independent reader."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tests.unit.wire.independent_records import RecordReader, read_frames
from tools.make_record_vectors import OUTPUT, TO_CLIENT, TO_SERVER, make_direction
from tools.make_vectors import OUTPUT as HANDSHAKES
from wormhole_tunnel.limits import RECORD_OVERHEAD, SEALED_LENGTH_SIZE
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.parser import parse_data, parse_frame
from wormhole_tunnel.wire.records import RecordOpener

RECORDS: list[dict[str, Any]] = json.loads(OUTPUT.read_text(encoding="utf-8"))["records"]
BY_NAME = {
    handshake["name"]: handshake for handshake in json.loads(HANDSHAKES.read_text(encoding="utf-8"))["handshakes"]
}
DIRECTIONS = [("client_to_server", "to_server", TO_SERVER), ("server_to_client", "to_client", TO_CLIENT)]

pytestmark = [
    pytest.mark.parametrize("vector", RECORDS, ids=lambda vector: vector["handshake"]),
    pytest.mark.parametrize(("direction", "framing", "payloads"), DIRECTIONS, ids=["to server", "to client"]),
]


def secret_of(vector: dict[str, Any], direction: str) -> tuple[int, bytes]:
    handshake = BY_NAME[vector["handshake"]]
    return handshake["answer"]["cipher"], bytes.fromhex(handshake["secrets"][direction])


def open_all(opener: RecordOpener, wire: memoryview) -> list[memoryview]:
    payloads = []
    while wire:
        size = opener.open_length(wire[:SEALED_LENGTH_SIZE])
        end = size + RECORD_OVERHEAD
        payloads.append(opener.open_payload_into(wire[SEALED_LENGTH_SIZE:end], memoryview(bytearray(size))))
        wire = wire[end:]
    return payloads


def parse_all(payload: memoryview) -> list[frames.Frame | tuple[int, bytes]]:
    """The frames, DATA as a pair of stream and bytes."""
    found: list[frames.Frame | tuple[int, bytes]] = []
    position = 0
    while position < len(payload) and payload[position] != frames.PADDING:
        if payload[position] == frames.DATA:
            stream, start, position = parse_data(payload, position)
            found.append((stream, bytes(payload[start:position])))
        else:
            frame, position = parse_frame(payload, position)
            found.append(frame)
    return found


def values(frame: frames.Frame | tuple[int, bytes]) -> list[Any]:
    """A parsed frame's fields in the notation of the vectors."""
    if isinstance(frame, tuple):
        return [frame[0], frame[1].hex()]
    plain = [getattr(frame, field.name) for field in dataclasses.fields(frame)]
    return [[value.host, value.port] if isinstance(value, frames.SourceAddress) else value for value in plain]


def test_the_code_seals_these_bytes(
    vector: dict[str, Any], direction: str, framing: str, payloads: tuple[tuple[bytes, ...], ...]
) -> None:
    assert make_direction(BY_NAME[vector["handshake"]], direction, framing, payloads) == vector[direction]


def test_the_code_opens_and_parses_them(
    vector: dict[str, Any], direction: str, framing: str, payloads: tuple[tuple[bytes, ...], ...]
) -> None:
    wire = memoryview(bytes.fromhex("".join(record["wire"] for record in vector[direction])))
    opened = open_all(RecordOpener(*secret_of(vector, direction)), wire)
    for payload, record, row in zip(opened, vector[direction], payloads, strict=True):
        assert bytes(payload).startswith(b"".join(row)), framing
        assert [values(frame) for frame in parse_all(payload)] == [
            list(frame.values())[1:] for frame in record["frames"]
        ]


def test_the_independent_reader_reads_the_same(
    vector: dict[str, Any], direction: str, framing: str, payloads: tuple[tuple[bytes, ...], ...]
) -> None:
    reader = RecordReader(*secret_of(vector, direction))
    assert len(payloads) == len(vector[direction]), framing
    for record in vector[direction]:
        [payload] = reader.read(bytes.fromhex(record["wire"]))
        assert read_frames(payload) == record["frames"]
