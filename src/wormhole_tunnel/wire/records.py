"""Records: sealing and opening the unit of a link (docs/protocol.md, Records).

    sealed length (3 + 16 bytes) | sealed payload (L + 16 bytes)

The nonce is iv XOR (0^4 || counter): counter 2i for the length and 2i+1 for the payload of record i; there is no associated
data. After `REKEY_RECORDS` records the direction derives its next key and iv from the current key and counts from 0 again.

Both halves work in buffers that their caller owns. Input and output of one call never overlap: `encrypt_into` would
authenticate corrupted data. A failed tag leaves unauthenticated bytes in the output; the half is then dead for good, so
that they can't be asked for.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag

from wormhole_tunnel.crypto.aead import new_aead
from wormhole_tunnel.errors import RecordError
from wormhole_tunnel.keys.derivation import hkdf_expand
from wormhole_tunnel.limits import (
    LENGTH_SIZE,
    MAX_RECORD_PAYLOAD,
    RECORD_OVERHEAD,
    REKEY_RECORDS,
    SEALED_LENGTH_SIZE,
    TAG_SIZE,
)

KEY_SIZE: Final = 32
SECRET_SIZE: Final = KEY_SIZE + 12  # key || iv
_REKEY_LABEL: Final = b"wh1 rekey"
_LAST_COUNTER: Final = 2 * REKEY_RECORDS


class _Direction:
    """What sealing and opening share: key, iv, counter, rekey."""

    __slots__ = ("_aead", "_cipher", "_counter", "_iv", "_key")

    def __init__(self, cipher: int, secret: bytes) -> None:
        self._cipher = cipher
        self._install(secret)

    def _install(self, secret: bytes) -> None:
        self._key = secret[:KEY_SIZE]
        self._iv = int.from_bytes(secret[KEY_SIZE:])
        self._aead = new_aead(self._cipher, self._key)
        self._counter = 0

    def _nonce(self) -> bytes:
        """The next nonce; each is handed out once."""
        nonce = (self._iv ^ self._counter).to_bytes(12)
        self._counter += 1
        return nonce

    def _rekey_when_due(self) -> None:
        if self._counter == _LAST_COUNTER:
            self._install(hkdf_expand(self._key, _REKEY_LABEL, SECRET_SIZE))


class RecordSealer(_Direction):
    """Seals one direction's records. `secret` is the 44 bytes key || iv of the handshake."""

    __slots__ = ()

    def seal(self, payload: memoryview) -> bytes:
        """Seal `payload` (at most `MAX_RECORD_PAYLOAD` bytes); returns the record."""
        length = len(payload)
        if length > MAX_RECORD_PAYLOAD:
            raise ValueError("the payload is larger than a record")
        encrypt = self._aead.encrypt
        sealed_length = encrypt(self._nonce(), length.to_bytes(LENGTH_SIZE), None)
        record = sealed_length + encrypt(self._nonce(), payload, None)
        self._rekey_when_due()
        return record

    def seal_into(self, payload: memoryview, out: memoryview) -> int:
        """Seal `payload` (at most `MAX_RECORD_PAYLOAD` bytes) into the disjoint `out`; returns the record's wire size."""
        length = len(payload)
        if length > MAX_RECORD_PAYLOAD:
            raise ValueError("the payload is larger than a record")
        size = length + RECORD_OVERHEAD
        self._aead.encrypt_into(self._nonce(), length.to_bytes(LENGTH_SIZE), None, out[:SEALED_LENGTH_SIZE])
        self._aead.encrypt_into(self._nonce(), payload, None, out[SEALED_LENGTH_SIZE:size])
        self._rekey_when_due()
        return size


class RecordOpener(_Direction):
    """Opens one direction's records, one after the other."""

    __slots__ = ("_failed",)

    def __init__(self, cipher: int, secret: bytes) -> None:
        super().__init__(cipher, secret)
        self._failed = False

    def open_length(self, sealed: memoryview) -> int:
        """The payload's length in bytes from its `SEALED_LENGTH_SIZE` sealed bytes. Raises RecordError."""
        self._refuse_after_failure()
        length = int.from_bytes(self._decrypt(sealed))
        if length > MAX_RECORD_PAYLOAD:
            self._failed = True
            raise RecordError(f"a record of {length} bytes is longer than allowed")
        return length

    def _decrypt(self, sealed: memoryview) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(), sealed, None)
        except InvalidTag as error:
            self._failed = True
            raise RecordError("a record's length does not verify") from error

    def open_payload(self, sealed: memoryview) -> bytes:
        """Open a payload (with its tag). Raises RecordError."""
        self._refuse_after_failure()
        try:
            payload = self._aead.decrypt(self._nonce(), sealed, None)
        except InvalidTag as error:
            self._failed = True
            raise RecordError("a record's payload does not verify") from error
        self._rekey_when_due()
        return payload

    def open_payload_into(self, sealed: memoryview, out: memoryview) -> memoryview:
        """Open a payload (with its tag) into the disjoint `out`; returns the part of `out` it fills. Raises RecordError."""
        self._refuse_after_failure()
        payload = out[: len(sealed) - TAG_SIZE]
        try:
            self._aead.decrypt_into(self._nonce(), sealed, None, payload)
        except InvalidTag as error:
            self._failed = True
            raise RecordError("a record's payload does not verify") from error
        self._rekey_when_due()
        return payload

    def _refuse_after_failure(self) -> None:
        if self._failed:
            raise RecordError("the link has already failed")
