"""The tests' own implementation of the transport, against published values and against libsodium by way of PyNaCl."""

from __future__ import annotations

import pytest
from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_init_push,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
)

from tests.unit.legacy.peer import TAG_FINAL, TAG_MESSAGE, TAG_PUSH, TAG_REKEY, Stream, hchacha20

KEY = bytes(range(32))


def test_hchacha20_gives_the_value_of_its_draft() -> None:
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert hchacha20(KEY, nonce).hex() == expected


@pytest.mark.parametrize("tag", [TAG_MESSAGE, TAG_PUSH, TAG_REKEY, TAG_FINAL])
def test_it_reads_what_libsodium_wrote(tag: int) -> None:
    state = crypto_secretstream_xchacha20poly1305_state()
    stream = Stream(KEY, crypto_secretstream_xchacha20poly1305_init_push(state, KEY))
    for message, sent_tag in ((bytes(256), TAG_MESSAGE), (KEY * 8, tag), (KEY[::-1] * 8, TAG_MESSAGE)):
        sealed = crypto_secretstream_xchacha20poly1305_push(state, message, None, sent_tag)
        assert len(sealed) == 273
        assert stream.pull(sealed) == (message, sent_tag)


def test_it_writes_what_it_reads() -> None:
    header = bytes(range(100, 124))
    sender, receiver = Stream(KEY, header), Stream(KEY, header)
    for tag in (TAG_MESSAGE, TAG_REKEY, TAG_MESSAGE):
        assert receiver.pull(sender.push(KEY * 8, tag)) == (KEY * 8, tag)


def test_it_refuses_what_was_changed() -> None:
    header = bytes(24)
    sealed = bytearray(Stream(KEY, header).push(bytes(256)))
    sealed[40] ^= 1
    with pytest.raises(ValueError, match="does not verify"):
        Stream(KEY, header).pull(bytes(sealed))
