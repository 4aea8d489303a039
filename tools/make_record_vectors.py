"""Write tests/vectors/records.json: the first records of the handshakes in tests/vectors/handshake.json.

Run as `python -m tools.make_record_vectors`, after `tools.make_vectors`. Everything follows from the frozen handshakes, so
each run gives the same bytes. Nothing is written that the tests' independent reader does not confirm.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tests.unit.wire.independent_records import RecordReader, read_frames
from tools.make_vectors import OUTPUT as HANDSHAKES
from wormhole_tunnel.limits import INITIAL_WINDOW, RECORD_OVERHEAD
from wormhole_tunnel.wire import frames
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.negotiation import FramingMode, FramingSpec
from wormhole_tunnel.wire.records import RecordSealer

OUTPUT: Final = HANDSHAKES.with_name("records.json")
ABOUT: Final = (
    "The first records of each handshake in handshake.json that is not refused, one list for each direction. `wire` is the "
    "whole record in hexadecimal, `frames` what it holds, in order."
)

_HELLO: Final = frames.pack_hello(frames.Hello(0, 120, INITIAL_WINDOW, 65_536))
_SOURCE: Final = frames.SourceAddress("192.0.2.7", 50_000)
_SOURCE6: Final = frames.SourceAddress("2001:db8::7", 50_001)


def data(stream: int, payload: bytes) -> bytes:
    """Return a DATA frame."""
    frame = bytearray(frames.DATA_HEADER) + payload
    frames.pack_data_header_into(memoryview(frame), 0, stream, len(payload))
    return bytes(frame)


TO_SERVER: Final = (
    (_HELLO, frames.pack_open(1, "", _SOURCE), data(1, b"PING\r\n")),
    (frames.pack_ack(3), frames.pack_ping(1), frames.pack_fin(1, 6)),
    (frames.pack_open(2, "database", _SOURCE6), frames.pack_open(3), frames.pack_rst(3, frames.ResetCode.RESET)),
)
TO_CLIENT: Final = (
    (_HELLO, frames.pack_ack(2), frames.pack_opened(1)),
    (data(1, b"+PONG\r\n"), frames.pack_fin(1, 7)),
    (frames.pack_ack(6), frames.pack_pong(1), frames.pack_rst(2, frames.ResetCode.REFUSED)),
    (frames.pack_window(1, 131_072), frames.pack_goaway(3), frames.pack_close(frames.ResetCode.DRAINING)),
)


def seal_all(cipher: int, secret: bytes, framing: Framing, payloads: tuple[tuple[bytes, ...], ...]) -> list[bytes]:
    """Return one direction's records, sealed from the first on."""
    sealer = RecordSealer(cipher, secret)
    records = []
    for row in payloads:
        joined = b"".join(row)
        padded = joined.ljust(framing.padded(len(joined)), b"\0")
        out = memoryview(bytearray(len(padded) + RECORD_OVERHEAD))
        sealer.seal_into(memoryview(padded), out)
        records.append(bytes(out))
    return records


def make_direction(
    handshake: dict[str, Any], secret: str, framing: str, payloads: tuple[tuple[bytes, ...], ...]
) -> list[dict[str, Any]]:
    """Return one direction's records as JSON objects. AssertionError when the independent reader sees others."""
    cipher, key = handshake["answer"]["cipher"], bytes.fromhex(handshake["secrets"][secret])
    mode, *numbers = handshake["answer"][framing]
    records = seal_all(cipher, key, Framing.of(FramingSpec(FramingMode(mode), *numbers), 0.0), payloads)
    contents = [read_frames(payload) for payload in RecordReader(cipher, key).read(b"".join(records))]
    assert [len(content) for content in contents] == [len(row) for row in payloads]
    return [{"frames": content, "wire": record.hex()} for content, record in zip(contents, records, strict=True)]


def main() -> None:
    """Write the file."""
    handshakes = json.loads(HANDSHAKES.read_text(encoding="utf-8"))["handshakes"]
    cases = [
        {
            "handshake": handshake["name"],
            "client_to_server": make_direction(handshake, "client_to_server", "to_server", TO_SERVER),
            "server_to_client": make_direction(handshake, "server_to_client", "to_client", TO_CLIENT),
        }
        for handshake in handshakes
        if not handshake["answer"]["status"]
    ]
    OUTPUT.write_text(json.dumps({"about": ABOUT, "records": cases}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
