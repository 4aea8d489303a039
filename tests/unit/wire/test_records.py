"""Records: what is sealed opens in order, once, whole and unchanged; nothing else opens, and nothing after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.independent_records import RecordReader
from wormhole_tunnel.crypto import aead
from wormhole_tunnel.crypto.aead import Buffer, new_aead
from wormhole_tunnel.errors import RecordError
from wormhole_tunnel.limits import MAX_RECORD_PAYLOAD, RECORD_OVERHEAD, REKEY_RECORDS, SEALED_LENGTH_SIZE
from wormhole_tunnel.wire import records
from wormhole_tunnel.wire.records import SECRET_SIZE, RecordOpener, RecordSealer

CIPHERS = [aead.CIPHER_AES_256_GCM, aead.CIPHER_CHACHA20_POLY1305]
SECRET = bytes(range(SECRET_SIZE))

Attack = Callable[[list[bytes], int], list[bytes]]

pytestmark = pytest.mark.parametrize("cipher", CIPHERS)


def seal(sealer: RecordSealer, payload: bytes) -> bytes:
    """Records up to a size have a buffer of their own: two methods, one result."""
    if len(payload) % 2:
        return sealer.seal(memoryview(payload))
    out = memoryview(bytearray(len(payload) + RECORD_OVERHEAD))
    size = sealer.seal_into(memoryview(payload), out)
    return bytes(out[:size])


def payloads_of(count: int) -> list[bytes]:
    """Sizes even and odd by turns."""
    return [b"record".ljust(6 + number % 2) + b"%06d" % number for number in range(count)]


def seal_row(cipher: int, count: int) -> list[bytes]:
    sealer = RecordSealer(cipher, SECRET)
    return [seal(sealer, payload) for payload in payloads_of(count)]


def open_record(opener: RecordOpener, record: bytes) -> bytes:
    view = memoryview(record)
    length = opener.open_length(view[:SEALED_LENGTH_SIZE])
    if length % 2:
        return opener.open_payload(view[SEALED_LENGTH_SIZE:])
    out = memoryview(bytearray(length))
    return bytes(opener.open_payload_into(view[SEALED_LENGTH_SIZE:], out))


def opened_before_failure(cipher: int, row: list[bytes]) -> list[bytes]:
    """The payloads that open, up to the first failure, after which there must be no other."""
    opener = RecordOpener(cipher, SECRET)
    opened = []
    for record in row:
        try:
            opened.append(open_record(opener, record))
        except RecordError:
            break
    else:
        return opened
    for record in row:
        with pytest.raises(RecordError):
            open_record(opener, record)
    return opened


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_what_is_sealed_opens(cipher: int, payloads: list[bytes]) -> None:
    sealer, opener = RecordSealer(cipher, SECRET), RecordOpener(cipher, SECRET)
    row = [seal(sealer, payload) for payload in payloads]
    assert [len(record) for record in row] == [len(payload) + 35 for payload in payloads]
    assert [open_record(opener, record) for record in row] == payloads


def test_records_are_as_specified_through_two_rekeys(cipher: int) -> None:
    row = seal_row(cipher, 2 * REKEY_RECORDS + 2)
    payloads = RecordReader(cipher, SECRET).read(b"".join(row))
    assert list(payloads) == payloads_of(len(row))


def test_the_largest_record_opens_and_a_larger_one_is_not_sealed(cipher: int) -> None:
    largest = bytes(MAX_RECORD_PAYLOAD)
    record = RecordSealer(cipher, SECRET).seal(memoryview(largest))
    out = memoryview(bytearray(len(record)))
    assert RecordSealer(cipher, SECRET).seal_into(memoryview(largest), out) == len(record)
    assert out == record
    assert open_record(RecordOpener(cipher, SECRET), record) == largest
    sealer, larger = RecordSealer(cipher, SECRET), memoryview(largest + b"\0")
    with pytest.raises(ValueError, match="larger than a record"):
        sealer.seal(larger)
    with pytest.raises(ValueError, match="larger than a record"):
        sealer.seal_into(larger, memoryview(bytearray(len(larger) + RECORD_OVERHEAD)))


def test_a_sealed_length_above_the_bound_is_refused(cipher: int) -> None:
    sealed = new_aead(cipher, SECRET[:32]).encrypt(SECRET[32:], (MAX_RECORD_PAYLOAD + 1).to_bytes(3), None)
    opener = RecordOpener(cipher, SECRET)
    with pytest.raises(RecordError, match="longer than allowed"):
        opener.open_length(memoryview(sealed))
    with pytest.raises(RecordError, match="already failed"):
        opener.open_length(memoryview(sealed))


def test_a_flip_of_any_bit_of_any_byte_fails_and_the_link_stays_failed(cipher: int) -> None:
    row = seal_row(cipher, 3)
    for number in (0, 1):
        for position in range(len(row[number])):
            for bit in range(8):
                flipped = bytearray(row[number])
                flipped[position] ^= 1 << bit
                attacked = [*row[:number], bytes(flipped), *row[number:]]
                assert opened_before_failure(cipher, attacked) == payloads_of(number)


def test_a_flipped_length_is_never_returned(cipher: int) -> None:
    [record] = seal_row(cipher, 1)
    for position in range(SEALED_LENGTH_SIZE):
        flipped = bytearray(record[:SEALED_LENGTH_SIZE])
        flipped[position] ^= 0x80
        with pytest.raises(RecordError, match="length does not verify"):
            RecordOpener(cipher, SECRET).open_length(memoryview(flipped))


@pytest.mark.parametrize("into", [False, True])
def test_a_failed_half_never_opens_again(cipher: int, into: bool) -> None:
    sealed = [memoryview(record) for record in seal_row(cipher, 1)]
    opener = RecordOpener(cipher, SECRET)

    def open_payload(payload: memoryview) -> bytes:
        if not into:
            return opener.open_payload(payload)
        return bytes(opener.open_payload_into(payload, memoryview(bytearray(len(payload) - 16))))

    opener.open_length(sealed[0][:SEALED_LENGTH_SIZE])
    with pytest.raises(RecordError, match="payload does not verify"):
        open_payload(memoryview(bytes(28)))
    with pytest.raises(RecordError, match="already failed"):
        opener.open_length(sealed[0][:SEALED_LENGTH_SIZE])
    with pytest.raises(RecordError, match="already failed"):
        open_payload(sealed[0][SEALED_LENGTH_SIZE:])


def swap(row: list[bytes], at: int) -> list[bytes]:
    return [*row[:at], row[at + 1], row[at], *row[at + 2 :]]


def drop(row: list[bytes], at: int) -> list[bytes]:
    return row[:at] + row[at + 1 :]


def duplicate(row: list[bytes], at: int) -> list[bytes]:
    """The record at `at` comes again in place of the next one."""
    return [*row[: at + 1], *row[at:]]


def start_over(row: list[bytes], at: int) -> list[bytes]:
    """Behind the record at `at`, the row begins again."""
    return row[: at + 1] + row


def insert(row: list[bytes], at: int) -> list[bytes]:
    return [*row[:at], bytes(len(row[at])), *row[at:]]


ROW = REKEY_RECORDS + 8
AROUND_REKEY = [0, 1, 2, REKEY_RECORDS - 2, REKEY_RECORDS - 1, REKEY_RECORDS, REKEY_RECORDS + 1]


@pytest.mark.parametrize("attack", [swap, drop, insert])
@pytest.mark.parametrize("at", AROUND_REKEY)
def test_records_open_in_their_order_or_not_at_all(cipher: int, attack: Attack, at: int) -> None:
    attacked = attack(seal_row(cipher, ROW), at)
    assert opened_before_failure(cipher, attacked) == payloads_of(at)


@pytest.mark.parametrize("attack", [duplicate, start_over])
@pytest.mark.parametrize("at", AROUND_REKEY)
def test_a_record_opens_once(cipher: int, attack: Attack, at: int) -> None:
    attacked = attack(seal_row(cipher, ROW), at)
    assert opened_before_failure(cipher, attacked) == payloads_of(at + 1)


def test_halves_of_different_records_do_not_fit(cipher: int) -> None:
    row = seal_row(cipher, 4)
    mixed = [row[0][:SEALED_LENGTH_SIZE] + row[2][SEALED_LENGTH_SIZE:], *row[1:]]
    assert opened_before_failure(cipher, mixed) == []


class RecordingAead:
    """A real cipher that notes each pair of key and nonce it seals under."""

    def __init__(self, cipher: int, key: bytes, used: list[tuple[bytes, bytes]]) -> None:
        self._aead = new_aead(cipher, key)
        self._key = key
        self._used = used

    def encrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None) -> bytes:
        self._used.append((self._key, bytes(nonce)))
        return self._aead.encrypt(nonce, data, associated_data)

    def encrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int:
        self._used.append((self._key, bytes(nonce)))
        return self._aead.encrypt_into(nonce, data, associated_data, buf)


def test_no_key_and_nonce_seal_twice(cipher: int, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(records, "new_aead", lambda cipher, key: RecordingAead(cipher, key, used))
    count = 3 * REKEY_RECORDS + 1
    seal_row(cipher, count)
    assert len(used) == 2 * count
    assert len(set(used)) == len(used)
    assert len({key for key, _ in used}) == 4
    assert {len(nonce) for _, nonce in used} == {12}
