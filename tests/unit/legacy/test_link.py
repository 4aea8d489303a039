"""LegacyLink against the tests' own implementation: every size, any portions, and each thing that must be refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.legacy.peer import TAG_FINAL, TAG_PUSH, TAG_REKEY, Receiver, Sender, block
from wormhole_tunnel.errors import ProtocolError
from wormhole_tunnel.legacy.errors import (
    LegacyAuthenticationError,
    LegacyError,
    LegacyFailedError,
    LegacyHeaderError,
    LegacyPaddingError,
    LegacyTruncatedError,
)
from wormhole_tunnel.legacy.link import READ_SIZE, LegacyLink
from wormhole_tunnel.legacy.seen import SeenHeaders

KEY = bytes(range(32))
OURS = bytes(range(24))
THEIRS = bytes(range(50, 74))


def new_link(seen: SeenHeaders | None = None, header: bytes = OURS) -> LegacyLink:
    return LegacyLink(KEY, SeenHeaders() if seen is None else seen, header)


def receive(link: LegacyLink, data: bytes) -> bytes:
    return link.receive_data(memoryview(data))


def seal(link: LegacyLink, data: bytes) -> bytes:
    return bytes(link.seal(memoryview(data)))


def cut(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    """`data` in portions of these sizes, the rest as one."""
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size
    yield data[start:]


def receive_all(link: LegacyLink, portions: Iterator[bytes]) -> tuple[bytes, bool]:
    """What came before the first error, and whether there was one."""
    received = b""
    for portion in portions:
        try:
            received += receive(link, portion)
        except LegacyError:
            return received, True
    return received, False


class TestTransport:
    def test_header_comes_first_and_is_the_one_given(self) -> None:
        link = new_link()
        assert link.header == OURS
        assert link.peer_header == b""

    def test_every_size_of_a_message_outwards(self) -> None:
        link, receiver = new_link(), Receiver(KEY)
        receiver.feed(link.header)
        for size in range(1, 256):
            data = bytes([size]) * size
            sealed = seal(link, data)
            assert len(sealed) == 273
            assert receiver.feed(sealed) == data
        assert receiver.sizes == list(range(1, 256))

    def test_every_size_of_a_message_inwards(self) -> None:
        link, sender = new_link(), Sender(KEY, THEIRS)
        assert receive(link, sender.header) == b""
        assert link.peer_header == THEIRS
        for size in range(1, 256):
            data = bytes([size]) * size
            assert receive(link, sender.message(data)) == data

    @pytest.mark.parametrize("data", [b"\x80" * 255, b"\0" * 255, b"\0", b"\x80", b"a\x80\0\0", b"\x80\0\x80\0"])
    def test_data_that_looks_like_padding(self, data: bytes) -> None:
        link, sender, receiver = new_link(), Sender(KEY, THEIRS), Receiver(KEY)
        assert receive(link, sender.header + sender.message(data)) == data
        assert receiver.feed(link.header + seal(link, data)) == data

    @pytest.mark.parametrize("size", [256, 510, 511, READ_SIZE - 1, READ_SIZE, READ_SIZE + 1, 100_000])
    def test_bulk_fills_every_message_but_the_last(self, size: int) -> None:
        data = random.Random(size).randbytes(size)
        link, receiver, sender = new_link(), Receiver(KEY), Sender(KEY, THEIRS)
        assert receiver.feed(link.header + seal(link, data)) == data
        assert receiver.sizes[:-1] == [255] * (len(receiver.sizes) - 1)
        assert receive(link, sender.header + sender.bulk(data)) == data

    def test_a_full_read_leaves_no_message_half_empty(self) -> None:
        assert READ_SIZE % 255 == 0

    def test_no_data_makes_no_message(self) -> None:
        assert seal(new_link(), b"") == b""

    def test_two_links_understand_each_other(self) -> None:
        client, server = new_link(), new_link(header=THEIRS)
        assert receive(server, client.header + seal(client, b"ping")) == b"ping"
        assert receive(client, server.header + seal(server, b"pong")) == b"pong"
        assert (client.peer_header, server.peer_header) == (THEIRS, OURS)

    @given(st.lists(st.binary(max_size=700), max_size=6), st.lists(st.integers(0, 600), max_size=20))
    def test_any_portions_bring_the_same_data(self, writes: list[bytes], sizes: list[int]) -> None:
        sender, link, outward, receiver = Sender(KEY, THEIRS), new_link(), new_link(), Receiver(KEY)
        inward = sender.header + b"".join(sender.bulk(data) for data in writes)
        assert b"".join(receive(link, portion) for portion in cut(inward, iter(sizes))) == b"".join(writes)
        link.receive_eof()
        sealed = outward.header + b"".join(seal(outward, data) for data in writes)
        assert b"".join(receiver.feed(portion) for portion in cut(sealed, iter(sizes))) == b"".join(writes)
        assert receiver.is_between_messages

    @pytest.mark.parametrize(("key_size", "header_size"), [(31, 24), (33, 24), (32, 23), (32, 25)])
    def test_wrong_sizes_of_key_and_header_are_refused(self, key_size: int, header_size: int) -> None:
        with pytest.raises(ValueError, match="32 bytes of key and 24 of header"):
            LegacyLink(bytes(key_size), SeenHeaders(), bytes(header_size))


class TestEnd:
    def test_between_messages_it_is_an_end(self) -> None:
        link, sender = new_link(), Sender(KEY, THEIRS)
        receive(link, sender.header + sender.message(b"all"))
        link.receive_eof()
        assert len(seal(link, b"the other direction goes on")) == 273

    def test_data_after_the_end_is_an_error(self) -> None:
        link, sender = new_link(), Sender(KEY, THEIRS)
        receive(link, sender.header)
        link.receive_eof()
        with pytest.raises(LegacyError, match="after the end"):
            receive(link, sender.message(b"more"))

    @pytest.mark.parametrize("size", [0, 1, 23])
    def test_before_the_header_it_is_truncation(self, size: int) -> None:
        link = new_link()
        receive(link, THEIRS[:size])
        with pytest.raises(LegacyTruncatedError, match="before its header"):
            link.receive_eof()

    @pytest.mark.parametrize("size", [1, 17, 272])
    def test_inside_a_message_it_is_truncation(self, size: int) -> None:
        link, sender = new_link(), Sender(KEY, THEIRS)
        assert receive(link, sender.header + sender.message(b"whole") + sender.message(b"cut")[:size]) == b"whole"
        with pytest.raises(LegacyTruncatedError, match="inside a message"):
            link.receive_eof()


def refused(link: LegacyLink, data: bytes, error: type[LegacyError], match: str) -> None:
    """Assert that `data` brings this error, and that the link is of no use after it."""
    with pytest.raises(error, match=match) as caught:
        receive(link, data)
    assert isinstance(caught.value, ProtocolError)
    uses: tuple[Callable[[], object], ...] = (
        lambda: receive(link, Sender(KEY, THEIRS).message(b"later")),
        lambda: seal(link, b"later"),
        link.receive_eof,
    )
    for use in uses:
        with pytest.raises(LegacyFailedError, match="failed before"):
            use()


class TestAttacks:
    def test_a_flip_of_any_byte_of_a_message(self) -> None:
        honest = Sender(KEY, THEIRS).message(b"secret")
        for position in range(273):
            changed = bytearray(honest)
            changed[position] ^= 0x01
            refused(new_link(), THEIRS + bytes(changed), LegacyAuthenticationError, "first message")

    def test_a_flip_of_any_byte_of_the_header(self) -> None:
        honest = Sender(KEY, THEIRS).message(b"secret")
        for position in range(24):
            changed = bytearray(THEIRS)
            changed[position] ^= 0x80
            refused(new_link(), bytes(changed) + honest, LegacyAuthenticationError, "first message")

    def test_another_key(self) -> None:
        sender = Sender(KEY[::-1], THEIRS)
        refused(new_link(), sender.header + sender.message(b"x"), LegacyAuthenticationError, "keys differ")

    @pytest.mark.parametrize("order", [[1, 0], [0, 0], [0, 2], [2]])
    def test_messages_moved_repeated_or_dropped(self, order: list[int]) -> None:
        sender = Sender(KEY, THEIRS)
        messages = [sender.message(bytes([number])) for number in range(3)]
        data = sender.header + b"".join(messages[number] for number in order)
        refused(new_link(), data, LegacyAuthenticationError, "does not verify")

    def test_a_message_of_another_stream(self) -> None:
        sender, other = Sender(KEY, THEIRS), Sender(KEY, THEIRS[::-1])
        data = sender.header + sender.message(b"one") + other.message(b"two")
        refused(new_link(), data, LegacyAuthenticationError, "message 2 does not verify")

    @pytest.mark.parametrize(
        ("plaintext", "match"),
        [
            (bytes(256), "no 0x80"),
            (b"data".ljust(256, b"\0"), "no 0x80"),
            (b"x" * 256, "no 0x80"),
            (b"x" * 255 + b"\x81", "no 0x80"),
            (block(b"data")[:-1] + b"\x01", "no 0x80"),
            (block(b""), "no data"),
        ],
    )
    def test_bad_padding_under_the_right_key(self, plaintext: bytes, match: str) -> None:
        sender = Sender(KEY, THEIRS)
        refused(new_link(), sender.header + sender.raw(plaintext), LegacyPaddingError, match)

    @pytest.mark.parametrize("tag", [TAG_PUSH, TAG_REKEY, TAG_FINAL])
    def test_another_tag(self, tag: int) -> None:
        sender = Sender(KEY, THEIRS)
        refused(new_link(), sender.header + sender.raw(block(b"x"), tag), LegacyPaddingError, f"the tag {tag}")

    def test_our_own_header_reflected(self) -> None:
        link = new_link()
        refused(link, link.header + seal(link, b"x"), LegacyHeaderError, "this proxy sent")

    def test_our_own_stream_on_another_link(self) -> None:
        seen = SeenHeaders()
        first = new_link(seen)
        recorded = first.header + seal(first, b"x")
        refused(new_link(seen, THEIRS), recorded, LegacyHeaderError, "this proxy sent")

    def test_a_stream_replayed(self) -> None:
        seen, sender = SeenHeaders(), Sender(KEY, THEIRS)
        recorded = sender.header + sender.message(b"once")
        assert receive(new_link(seen), recorded) == b"once"
        refused(new_link(seen, OURS[::-1]), recorded, LegacyHeaderError, "earlier stream")

    def test_one_stream_on_two_links_at_once(self) -> None:
        seen, sender = SeenHeaders(), Sender(KEY, THEIRS)
        first, second = new_link(seen), new_link(seen, OURS[::-1])
        assert receive(first, sender.header) + receive(second, sender.header) == b""
        message = sender.message(b"once")
        assert receive(first, message) == b"once"
        refused(second, message, LegacyHeaderError, "earlier stream")

    def test_a_header_without_a_message_is_not_remembered(self) -> None:
        seen, sender = SeenHeaders(), Sender(KEY, THEIRS)
        receive(new_link(seen), sender.header)
        assert receive(new_link(seen, OURS[::-1]), sender.header + sender.message(b"x")) == b"x"

    @given(st.binary(max_size=2_000), st.lists(st.integers(0, 400), max_size=8))
    def test_any_bytes_bring_nothing_or_a_legacy_error(self, data: bytes, sizes: list[int]) -> None:
        link = new_link()
        try:
            assert b"".join(receive(link, portion) for portion in cut(data, iter(sizes))) == b""
        except LegacyError:
            assert len(data) >= 24 + 273

    @given(st.data())
    def test_a_change_anywhere_never_brings_other_data(self, choice: st.DataObject) -> None:
        sender = Sender(KEY, THEIRS)
        data = bytes(range(256)) * 3
        wire = bytearray(sender.header + sender.bulk(data))
        wire[choice.draw(st.integers(0, len(wire) - 1))] ^= choice.draw(st.integers(1, 255))
        portions = cut(bytes(wire), iter(choice.draw(st.lists(st.integers(1, 300), max_size=8))))
        received, failed = receive_all(new_link(), portions)
        assert failed
        assert data.startswith(received)
