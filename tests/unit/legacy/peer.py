"""The transport once more, written from its description alone: ChaCha20 and Poly1305 from `cryptography`, HChaCha20 here.

It shares no code with the package and uses no libsodium, so that the two can't be wrong in the same way.
Sources: RFC 8439 (ChaCha20, Poly1305), draft-irtf-cfrg-xchacha-03 (HChaCha20), libsodium's documentation of secretstream.
"""

from __future__ import annotations

import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.poly1305 import Poly1305

TAG_MESSAGE, TAG_PUSH, TAG_REKEY, TAG_FINAL = range(4)
_WORD = 0xFFFFFFFF
_COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD


def _quarter_round(words: list[int], a: int, b: int, c: int, d: int) -> None:
    for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        words[x] = (words[x] + words[y]) & _WORD
        words[z] = _rotate(words[z] ^ words[x], bits)


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """Derive 32 bytes from a key of 32 and a nonce of 16 bytes."""
    words = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]
    for _ in range(10):
        for quarter in _COLUMNS + _DIAGONALS:
            _quarter_round(words, *quarter)
    return struct.pack("<8I", *words[:4], *words[12:])


def keystream(key: bytes, nonce: bytes, block: int, data: bytes) -> bytes:
    """`data` XOR the ChaCha20 keystream from that block on; the nonce has 12 bytes."""
    cipher = Cipher(algorithms.ChaCha20(key, struct.pack("<I", block) + nonce), mode=None)
    return cipher.encryptor().update(data)


class Stream:
    """Either end of a secretstream without associated data."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self._key = hchacha20(key, header[:16])
        self._inner = header[16:]
        self._counter = 1

    def push(self, message: bytes, tag: int = TAG_MESSAGE) -> bytes:
        nonce = self._nonce()
        head = keystream(self._key, nonce, 1, bytes([tag]).ljust(64, b"\0"))
        body = keystream(self._key, nonce, 2, message)
        mac = self._mac(nonce, head, body)
        self._advance(mac, tag)
        return head[:1] + body + mac

    def pull(self, sealed: bytes) -> tuple[bytes, int]:
        """Message and tag; ValueError if it does not verify."""
        nonce = self._nonce()
        body, mac = sealed[1:-16], sealed[-16:]
        tag = keystream(self._key, nonce, 1, sealed[:1])[0]
        head = keystream(self._key, nonce, 1, bytes([tag]).ljust(64, b"\0"))
        if not hmac.compare_digest(mac, self._mac(nonce, head, body)):
            raise ValueError("does not verify")
        message = keystream(self._key, nonce, 2, body)
        self._advance(mac, tag)
        return message, tag

    def _nonce(self) -> bytes:
        return struct.pack("<I", self._counter) + self._inner

    def _mac(self, nonce: bytes, head: bytes, body: bytes) -> bytes:
        assert len(body) % 16 == 0  # other sizes need padding, and this transport has none of them
        sizes = struct.pack("<QQ", 0, len(head) + len(body))
        return Poly1305.generate_tag(keystream(self._key, nonce, 0, bytes(32)), head + body + sizes)

    def _advance(self, mac: bytes, tag: int) -> None:
        self._inner = bytes(x ^ y for x, y in zip(self._inner, mac[:8], strict=True))
        self._counter += 1
        if tag & TAG_REKEY:
            fresh = keystream(self._key, self._nonce(), 0, self._key + self._inner)
            self._key, self._inner, self._counter = fresh[:32], fresh[32:], 1


def block(data: bytes) -> bytes:
    """1 to 255 bytes of data, the mark, zeros."""
    return (data + b"\x80").ljust(256, b"\0")


class Sender:
    """Makes the bytes of one direction, well-formed or not."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self.header = header
        self._stream = Stream(key, header)

    def message(self, data: bytes) -> bytes:
        """One well-formed message."""
        return self.raw(block(data))

    def raw(self, plaintext: bytes, tag: int = TAG_MESSAGE) -> bytes:
        """A message with any block and tag."""
        return self._stream.push(plaintext, tag)

    def bulk(self, data: bytes) -> bytes:
        """Messages as full as they can be."""
        return b"".join(self.message(data[start : start + 255]) for start in range(0, len(data), 255))


class Receiver:
    """Takes the bytes of one direction in any portions; asserts that each message is well-formed."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._buffer = b""
        self._stream: Stream | None = None
        self.sizes: list[int] = []  # of data, a message each

    def feed(self, data: bytes) -> bytes:
        """The data that is complete."""
        self._buffer += data
        if self._stream is None:
            if len(self._buffer) < 24:
                return b""
            self._stream = Stream(self._key, self._buffer[:24])
            self._buffer = self._buffer[24:]
        received = b""
        while len(self._buffer) >= 273:
            plaintext, tag = self._stream.pull(self._buffer[:273])
            self._buffer = self._buffer[273:]
            content, mark, rest = plaintext.rpartition(b"\x80")
            assert (tag, mark, rest.strip(b"\0")) == (TAG_MESSAGE, b"\x80", b"")
            assert 1 <= len(content) <= 255
            self.sizes.append(len(content))
            received += content
        return received

    @property
    def is_between_messages(self) -> bool:
        return self._stream is not None and not self._buffer
