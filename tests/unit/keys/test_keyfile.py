"""The key file: three forms read, one error with the right line for anything else, and never a key in its text."""

from __future__ import annotations

import base64
import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from wormhole_tunnel.errors import KeyFileError
from wormhole_tunnel.keys.keyfile import dump_key, dump_keyring, dump_legacy_key, load_keyring
from wormhole_tunnel.keys.keyring import DEFAULT_NAME, Key, Keyring
from wormhole_tunnel.limits import MAX_KEYS

SECRET = bytes(range(100, 132))
ENCODED = base64.b64encode(SECRET).decode()
OTHER = base64.b64encode(bytes(range(32))).decode()
LEGACY = "".join(f"- {byte}\n" for byte in SECRET)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", fullmatch=True)
RINGS = st.dictionaries(NAMES, st.binary(min_size=32, max_size=32), min_size=1, max_size=20).filter(
    lambda entries: len({*entries.values()}) == len(entries)
)


@pytest.mark.parametrize(
    "text",
    [
        f"key: {ENCODED}\n",
        f"key: {ENCODED}",
        f"# ours\n---\nkey: '{ENCODED}'\n...\n",
        f'{{"key": "{ENCODED}"}}',
        f"\ufeffkey: {ENCODED}\r\n",
        LEGACY,
        f"---\n{LEGACY}",
        f"[{', '.join(str(byte) for byte in SECRET)}]",
    ],
)
def test_forms_of_a_single_key(text: str) -> None:
    assert load_keyring(text, "key.yaml") == Keyring((Key(DEFAULT_NAME, SECRET),))


@pytest.mark.parametrize(
    "text",
    [
        f"keys:\n  - name: alice\n    key: {ENCODED}\n  - name: 2026-11-22\n    key: {OTHER}\n",
        f"keys:\n- {{key: {ENCODED}, name: alice}}\n- {{name: '2026-11-22', key: {OTHER}}}\n",
    ],
)
def test_forms_of_a_keyring(text: str) -> None:
    ring = load_keyring(text, "key.yaml")
    assert ring == Keyring((Key("alice", SECRET), Key("2026-11-22", bytes(range(32)))))


RING = f"keys:\n  - name: alice\n    key: {ENCODED}\n"

BAD = [
    ("", "key.yaml is empty"),
    ("# nothing\n", "key.yaml is empty"),
    ("---\n", "line 2: expected `key: <base64>`, a list `keys:`, or 32 integers"),
    (ENCODED, "line 1: expected `key: <base64>`"),
    ("{}", "line 1: expected `key: <base64>`"),
    (f"kee: {ENCODED}", "line 1: expected `key: <base64>`"),
    (f"[a, b]: {ENCODED}", "line 1: expected `key: <base64>`"),
    (f"key: {ENCODED}\nother: 1", "line 2: expected `key: <base64>`"),
    (f"key: {ENCODED}\nkey: {OTHER}", "line 2: expected `key` only once"),
    (f"key: {ENCODED}\nkeys: []", "line 2: expected either `key` or `keys`, not both"),
    (f"{RING}key: {OTHER}\n", "line 4: expected either `key` or `keys`, not both"),
    (f"key: {ENCODED}\n---\nkey: {OTHER}\n", "line 2: expected the end of the file"),
    ("key:\n", "line 1: expected 32 bytes in base64 (44 characters), found 0 bytes"),
    (
        f"\nkey: {ENCODED[:-1]}",
        "line 2: expected 32 bytes in base64 (44 characters), found another character or a cut end",
    ),
    (f"key: {ENCODED[:-4]}", "line 1: expected 32 bytes in base64 (44 characters), found 30 bytes"),
    (f"key: {ENCODED[:20]} {ENCODED[20:]}", "found another character"),
    (f"key: ä{ENCODED[1:]}", "found another character"),
    (f"key: {ENCODED[:-2]}{chr(ord(ENCODED[-2]) + 1)}=", "found a last character that no encoder writes"),
    (f"key: [{ENCODED}]", "line 1: expected 32 bytes in base64"),
    ("- 1\n- 256\n", "line 2: expected an integer from 0 to 255"),
    ("- 1\n- -1\n", "line 2: expected an integer from 0 to 255"),
    ("- 1\n- 0x10\n", "line 2: expected an integer from 0 to 255"),
    ("- 1\n- 010\n", "line 2: expected an integer from 0 to 255"),
    ("- 1\n- ٣\n", "line 2: expected an integer from 0 to 255"),
    ("- 1\n- [2]\n", "line 2: expected an integer from 0 to 255"),
    ("[" * 100_000, "line 1: expected an integer from 0 to 255"),
    ("- 1\n- 2\n", "expected 32 integers, found 2"),
    (LEGACY + "- 7\n", "line 33: expected 32 integers, found more"),
    ("keys: []\n", "line 1: expected at least one key"),
    (f"keys: {ENCODED}\n", "line 1: expected a list, each item with a `name` and a `key`"),
    (f"keys:\n- {ENCODED}\n", "line 2: expected a `name` and a `key`"),
    ("keys:\n- name: alice\n", "line 2: expected both a `name` and a `key`"),
    (f"keys:\n- key: {ENCODED}\n", "line 2: expected both a `name` and a `key`"),
    (f"keys:\n- name: a b\n  key: {ENCODED}\n", "line 2: expected a name of 1 to 32 letters"),
    (f"keys:\n- name: [a]\n  key: {ENCODED}\n", "line 2: expected a name of 1 to 32 letters"),
    (f"keys:\n- key: {ENCODED}\n  name: {ENCODED}\n", "line 3: expected a name of 1 to 32 letters"),
    ("keys:\n- name: a\n  name: b\n", "line 3: expected `name` only once"),
    (f"{RING}  - name: alice\n    key: {OTHER}\n", "line 4: repeats the name of line 2"),
    (f"{RING}  - name: bob\n    key: {ENCODED}\n", "line 5: repeats the secret of line 3"),
    (f"keys:\n- &a {{name: a, key: {ENCODED}}}\n- *a\n", "line 3: expected a `name` and a `key`"),
    ("&a [*a]", "line 1: expected an integer"),
    ("# fine\nkey: 'abc\n", "line 3: expected YAML"),
    ("key: @\n", "line 1: expected YAML"),
    ("a: b: c\n", "line 1: expected"),
    ("key: \0\n", "key.yaml: expected text"),
    ("key: \ud800\n", "key.yaml: expected text"),
]


@pytest.mark.parametrize(("text", "expected"), BAD, ids=[f"{text[:20]!r}" for text, _ in BAD])
def test_an_error_names_the_line_and_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(KeyFileError, match=re.escape(expected)) as caught:
        load_keyring(text, "key.yaml")
    message = str(caught.value)
    assert message.startswith("key.yaml")
    assert "\n" not in message
    # A traceback must not show the YAML parser's own error, which quotes the file.
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert caught.value.__cause__ is None
    assert not [run for run in re.findall(r"[A-Za-z0-9+/]{9,}", text) if run in message]


def test_a_thousand_keys_are_read_and_no_more() -> None:
    keys = tuple(Key(f"k{number}", number.to_bytes(32, "big")) for number in range(MAX_KEYS))
    text = dump_keyring(Keyring(keys))
    assert load_keyring(text, "key.yaml").keys == keys
    with pytest.raises(KeyFileError, match=r"line 2002: expected at most 1,000 keys"):
        load_keyring(f"{text}  - name: more\n    key: {OTHER}\n", "key.yaml")


@given(st.binary(min_size=32, max_size=32))
def test_a_single_key_is_read_as_it_was_written(secret: bytes) -> None:
    expected = Keyring((Key(DEFAULT_NAME, secret),))
    assert load_keyring(dump_key(secret), "") == load_keyring(dump_legacy_key(secret), "") == expected


@given(RINGS)
@example({"on": bytes(32), "1e3": b"1" * 32, "0": b"2" * 32})
def test_a_ring_is_read_as_it_was_written(entries: dict[str, bytes]) -> None:
    ring = Keyring(tuple(Key(name, secret) for name, secret in entries.items()))
    assert load_keyring(dump_keyring(ring), "") == ring


@given(st.binary(min_size=32, max_size=32))
def test_other_yaml_readers_see_the_same(secret: bytes) -> None:
    assert yaml.safe_load(dump_legacy_key(secret)) == list(secret)
    assert base64.b64decode(yaml.safe_load(dump_key(secret))["key"]) == secret


def complaint(text: str) -> str:
    """What is said of a key file; any error but KeyFileError fails the test."""
    try:
        load_keyring(text, "key.yaml")
    except KeyFileError as error:
        return str(error)
    return ""


@given(st.text(alphabet=st.sampled_from("key:s-name \n[]{}'\"0123456789,&*!|>%#?\t=A\0\x85\ud800"), max_size=200))
def test_any_text_is_a_ring_or_a_key_file_error(text: str) -> None:
    assert "\n" not in complaint(text)


@given(st.data())
def test_a_ring_with_any_change_is_a_ring_or_a_key_file_error(data: st.DataObject) -> None:
    text = f"{RING}  - name: bob\n    key: {OTHER}\n"
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert ENCODED not in complaint(text[:start] + data.draw(st.text(max_size=10)) + text[end:])
