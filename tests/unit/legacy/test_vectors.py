"""Frozen streams: what the original program sent is read and written alike, byte for byte; bad ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.legacy.peer import Receiver, Sender
from wormhole_tunnel.legacy import errors
from wormhole_tunnel.legacy.link import LegacyLink
from wormhole_tunnel.legacy.seen import SeenHeaders

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "legacy.json").read_text())
KEY = bytes.fromhex(VECTORS["key"])
STREAMS = [pytest.param(stream, id=stream["sender"]) for stream in VECTORS["streams"]]
REFUSED = [pytest.param(case, id=case["name"]) for case in VECTORS["refused"]]


def pairs(stream: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Data and message of each."""
    return [(bytes.fromhex(each["data"]), bytes.fromhex(each["message"])) for each in stream["messages"]]


@pytest.mark.parametrize("stream", STREAMS)
def test_the_originals_stream_is_read(stream: dict[str, Any]) -> None:
    link = LegacyLink(KEY, SeenHeaders(), bytes(24))
    assert link.receive_data(memoryview(bytes.fromhex(stream["header"]))) == b""
    for data, message in pairs(stream):
        assert link.receive_data(memoryview(message)) == data
    link.receive_eof()


@pytest.mark.parametrize("stream", STREAMS)
def test_the_originals_stream_is_written(stream: dict[str, Any]) -> None:
    link = LegacyLink(KEY, SeenHeaders(), bytes.fromhex(stream["header"]))
    for data, message in pairs(stream):
        assert link.seal(memoryview(data)) == message


@pytest.mark.parametrize("stream", STREAMS)
def test_the_tests_own_implementation_agrees(stream: dict[str, Any]) -> None:
    header = bytes.fromhex(stream["header"])
    sender, receiver = Sender(KEY, header), Receiver(KEY)
    receiver.feed(header)
    for data, message in pairs(stream):
        assert sender.message(data) == message
        assert receiver.feed(message) == data


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_stream_is_refused(case: dict[str, Any]) -> None:
    link = LegacyLink(KEY, SeenHeaders(), bytes(24))
    error: type[Exception] = getattr(errors, case["error"])
    if error is errors.LegacyTruncatedError:
        link.receive_data(memoryview(bytes.fromhex(case["wire"])))
        with pytest.raises(error):
            link.receive_eof()
    else:
        with pytest.raises(error):
            link.receive_data(memoryview(bytes.fromhex(case["wire"])))
