"""Records and frames a second time, written from docs/protocol.md, sharing no code with `src`: a reader, no writer."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

RECORDS_PER_KEY = 1024


class RecordReader:
    """Opens one direction's records in order. InvalidTag where one is not as specified."""

    def __init__(self, cipher: int, secret: bytes) -> None:
        self._cipher: type[AESGCM | ChaCha20Poly1305] = AESGCM if cipher == 1 else ChaCha20Poly1305
        self._key, self._iv = secret[:32], secret[32:]
        self._record = 0

    def _open(self, counter: int, sealed: bytes) -> bytes:
        mask = bytes(4) + struct.pack(">Q", counter)
        nonce = bytes(a ^ b for a, b in zip(self._iv, mask, strict=True))
        return self._cipher(self._key).decrypt(nonce, sealed, None)

    def read(self, wire: bytes) -> Iterator[bytes]:
        """The payloads of a row of whole records."""
        while wire:
            size = int.from_bytes(self._open(2 * self._record, wire[:19]), "big")
            yield self._open(2 * self._record + 1, wire[19 : 19 + size + 16])
            wire = wire[19 + size + 16 :]
            self._count()

    def _count(self) -> None:
        self._record += 1
        if self._record == RECORDS_PER_KEY:
            first = hmac.digest(self._key, b"wh1 rekey\x01", hashlib.sha256)
            second = hmac.digest(self._key, first + b"wh1 rekey\x02", hashlib.sha256)
            self._key, self._iv, self._record = first, second[:12], 0


def read_frames(payload: bytes) -> list[dict[str, Any]]:
    """The frames of a payload as JSON objects. AssertionError where padding is not zeros to the end."""
    found = []
    while payload and payload[0]:
        frame, size = _read_frame(payload)
        found.append(frame)
        payload = payload[size:]
    assert not any(payload)
    return found


# Names and widths of the fields of each frame that has a fixed size.
_FIELDS = {
    0x01: ("HELLO", ">IIII", ("features", "resume_timeout", "initial_window", "max_streams")),
    0x05: ("ACK", ">Q", ("next",)),
    0x06: ("PING", ">Q", ("token",)),
    0x07: ("PONG", ">Q", ("token",)),
    0x11: ("OPENED", ">I", ("stream",)),
    0x13: ("FIN", ">IQ", ("stream", "final_offset")),
    0x14: ("RST", ">IB", ("stream", "reason")),
    0x15: ("WINDOW", ">IQ", ("stream", "limit")),
    0x16: ("GOAWAY", ">I", ("last_stream",)),
    0x17: ("CLOSE", ">B", ("reason",)),
}


def _read_frame(payload: bytes) -> tuple[dict[str, Any], int]:
    code = payload[0]
    if code == 0x10:
        return _read_open(payload)
    if code == 0x12:
        stream, size = struct.unpack(">I", payload[1:5])[0], int.from_bytes(payload[5:8], "big")
        return {"frame": "DATA", "stream": stream, "bytes": payload[8 : 8 + size].hex()}, 8 + size
    name, layout, fields = _FIELDS[code]
    values = struct.unpack_from(layout, payload, 1)
    return {"frame": name, **dict(zip(fields, values, strict=True))}, 1 + struct.calcsize(layout)


def _read_open(payload: bytes) -> tuple[dict[str, Any], int]:
    (stream,) = struct.unpack_from(">I", payload, 1)
    name_end = 6 + payload[5]
    frame = {"frame": "OPEN", "stream": stream, "service": payload[6:name_end].decode()}
    address_size = {0: 0, 4: 4, 6: 16}[payload[name_end]]
    if not address_size:
        return frame | {"source": None}, name_end + 1
    end = name_end + 1 + address_size
    address = ipaddress.ip_address(payload[name_end + 1 : end])
    return frame | {"source": [str(address), *struct.unpack_from(">H", payload, end)]}, end + 2
