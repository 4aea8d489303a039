"""The ring refuses what could not be told apart, and shows no secret."""

from __future__ import annotations

import pytest

from wormhole_tunnel.errors import KeyFileError
from wormhole_tunnel.keys.derivation import derive_psk_and_hint_key
from wormhole_tunnel.keys.keyring import Key, Keyring, is_key_name
from wormhole_tunnel.limits import MAX_KEYS

ALICE = Key("alice", b"A" * 32)
BOB = Key("bob", b"B" * 32)


def test_a_key_has_its_derived_keys() -> None:
    assert (ALICE.psk, ALICE.hint_key) == derive_psk_and_hint_key(b"A" * 32)


def test_no_secret_shows() -> None:
    assert repr(Keyring((ALICE, BOB))) == "Keyring(keys=(Key(name='alice'), Key(name='bob')))"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyFileError, match="32 bytes"):
        Key("alice", bytes(size))


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(KeyFileError, match="a name of 1 to 32"):
        Key("a b", bytes(32))


@pytest.mark.parametrize("name", ["a", "A1", "2026-11-22.2", "x_y", "z" * 32])
def test_good_names(name: str) -> None:
    assert is_key_name(name)


@pytest.mark.parametrize("name", ["", ".", "-a", "a b", "a\n", "ä", "z" * 33, "a/b", "a:b"])
def test_bad_names(name: str) -> None:
    assert not is_key_name(name)


def test_order_and_look_up() -> None:
    ring = Keyring((ALICE, BOB))
    assert ring.first is ALICE
    assert list(ring) == [ALICE, BOB]
    assert len(ring) == 2
    assert ring.by_name("bob") is BOB
    assert ring.by_name("carol") is None


def test_an_empty_ring_is_refused() -> None:
    with pytest.raises(KeyFileError, match="at least one"):
        Keyring(())


@pytest.mark.parametrize(
    ("keys", "what"), [((ALICE, BOB, Key("alice", b"C" * 32)), "name"), ((ALICE, BOB, Key("eve", b"A" * 32)), "secret")]
)
def test_a_repeated_name_or_secret_is_refused(keys: tuple[Key, ...], what: str) -> None:
    with pytest.raises(KeyFileError, match=f"keys 1 and 3 have the same {what}"):
        Keyring(keys)


def test_a_thousand_keys_and_no_more() -> None:
    keys = tuple(Key(f"k{number}", number.to_bytes(32, "big")) for number in range(MAX_KEYS + 1))
    assert len(Keyring(keys[:-1])) == MAX_KEYS
    with pytest.raises(KeyFileError, match="at most 1,000"):
        Keyring(keys)
