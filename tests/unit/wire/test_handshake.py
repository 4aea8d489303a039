"""The whole handshake: what both sides end with, and what either refuses."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.handshakes import (
    ANSWER,
    CLIENT_KEYS,
    CONSTANT,
    KEY,
    OFFER,
    PADDED,
    RING,
    SERVER_KEYS,
    new_client,
    respond_to,
)
from tests.unit.wire.independent import build_message1, build_message2, decode, tagged
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.limits import MAX_KEYS
from wormhole_tunnel.wire.handshake import ClientHandshake, HandshakeRefusedError, ServerHandshake
from wormhole_tunnel.wire.negotiation import FramingSpec, HandshakeStatus

MESSAGE1 = new_client().message1
E1 = CLIENT_KEYS.mlkem().public_key().public_bytes_raw()
E = CLIENT_KEYS.x25519().public_key().public_bytes_raw()
REFUSALS = [status for status in HandshakeStatus if status is not HandshakeStatus.OK]


def flipped(message: bytes, position: int) -> bytes:
    changed = bytearray(message)
    changed[position] ^= 1 << position % 8
    return bytes(changed)


# --- the handshake as it should be ----------------------------------------------------------------------------------------


def test_both_sides_end_with_the_same() -> None:
    client = new_client()
    message2, server = respond_to(client.message1)
    established = client.read_message2(message2)
    assert (len(client.message1), len(message2)) == (1328, 1216)
    assert established.send_secret == server.receive_secret
    assert established.receive_secret == server.send_secret
    for name in ("key", "offer", "answer", "session_id", "resume_key", "transcript", "cipher"):
        assert getattr(established, name) == getattr(server, name)
    assert (server.key, server.offer, server.answer, server.cipher) == (KEY, OFFER, ANSWER, 2)


def test_secrets_have_their_sizes_and_are_all_different() -> None:
    _, server = respond_to(MESSAGE1)
    secrets = [server.send_secret, server.receive_secret, server.session_id, server.resume_key, server.transcript]
    assert [len(secret) for secret in secrets] == [44, 44, 16, 32, 32]
    assert len({secret[:16] for secret in secrets}) == 5


def test_no_secret_shows() -> None:
    _, server = respond_to(MESSAGE1)
    shown = repr(server)
    assert not [
        s for s in (server.send_secret, server.receive_secret, server.resume_key, KEY.secret) if repr(s) in shown
    ]


def test_an_independent_decoder_sees_the_same() -> None:
    message2, server = respond_to(MESSAGE1)
    decoded = decode(KEY.secret, CLIENT_KEYS.x25519_private, CLIENT_KEYS.mlkem_seed, MESSAGE1, message2)
    assert decoded.client_to_server == server.receive_secret
    assert decoded.server_to_client == server.send_secret
    assert (decoded.session_id, decoded.resume_key) == (server.session_id, server.resume_key)
    assert decoded.transcript == server.transcript


def test_an_independent_server_is_understood() -> None:
    client = new_client()
    message2 = build_message2(KEY.secret, client.message1, SERVER_KEYS.x25519(), payload=ANSWER.pack())
    established = client.read_message2(message2)
    decoded = decode(KEY.secret, CLIENT_KEYS.x25519_private, CLIENT_KEYS.mlkem_seed, client.message1, message2)
    assert established.send_secret == decoded.client_to_server


def test_an_independent_client_is_understood() -> None:
    server = ServerHandshake(RING)
    assert server.read_message1(build_message1(KEY.secret, E, E1, OFFER.pack())) == OFFER
    assert server.key is KEY


def test_two_handshakes_with_the_same_first_message_share_nothing() -> None:
    _, one = respond_to(MESSAGE1)
    _, other = respond_to(MESSAGE1)
    for name in ("send_secret", "receive_secret", "session_id", "resume_key", "transcript"):
        assert getattr(one, name) != getattr(other, name)


# --- the hint tag ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", RING.keys, ids=lambda key: key.name)
def test_the_tag_names_the_key(key: Key) -> None:
    assert ServerHandshake(RING).match(ClientHandshake(key, OFFER, CLIENT_KEYS).message1) is key


@pytest.mark.parametrize("index", [0, 499, 999])
def test_one_key_of_a_thousand_is_found(index: int) -> None:
    ring = Keyring(tuple(Key(f"k{number}", number.to_bytes(32, "big")) for number in range(MAX_KEYS)))
    message1 = ClientHandshake(ring.keys[index], OFFER, CLIENT_KEYS).message1
    assert ServerHandshake(ring).match(message1) is ring.keys[index]


def test_a_key_that_is_not_in_the_ring_matches_nothing() -> None:
    server = ServerHandshake(RING)
    message1 = ClientHandshake(Key("eve", b"E" * 32), OFFER, CLIENT_KEYS).message1
    assert server.match(message1) is None
    with pytest.raises(HandshakeError, match="hint tag"):
        server.read_message1(message1)


def test_a_second_message_is_not_read_with_the_key_of_the_first() -> None:
    server = ServerHandshake(RING)
    server.match(MESSAGE1)
    assert server.match(flipped(MESSAGE1, 0)) is None
    with pytest.raises(HandshakeError, match="hint tag"):
        server.read_message1(flipped(MESSAGE1, 0))


def test_a_tag_of_one_key_over_a_message_of_another_does_not_verify() -> None:
    message1 = ClientHandshake(RING.first, OFFER, CLIENT_KEYS).message1
    server = ServerHandshake(RING)
    assert server.match(tagged(KEY.secret, message1[16:])) is KEY
    with pytest.raises(HandshakeError, match="does not verify"):
        server.read_message1(tagged(KEY.secret, message1[16:]))


# --- message 1, changed ---------------------------------------------------------------------------------------------------


def test_no_flipped_byte_of_message_1_matches() -> None:
    server = ServerHandshake(RING)
    assert [position for position in range(1328) if server.match(flipped(MESSAGE1, position))] == []


def test_no_flipped_byte_of_message_1_verifies_behind_a_valid_tag() -> None:
    for position in range(16, 1328):
        server = ServerHandshake(RING)
        changed = tagged(KEY.secret, flipped(MESSAGE1, position)[16:])
        assert server.match(changed) is KEY
        with pytest.raises(HandshakeError):
            server.read_message1(changed)


def test_no_other_size_of_message_1_matches() -> None:
    server = ServerHandshake(RING)
    sizes = [*range(1328), *range(1329, 1400), 65_536]
    for size in sizes:
        message = (MESSAGE1 + bytes(65_536))[:size]
        assert server.match(message) is None
        assert server.match(tagged(KEY.secret, message[16:])) is None
        with pytest.raises(HandshakeError):
            server.read_message1(message)


@given(st.binary(max_size=1400))
def test_any_bytes_as_message_1_raise_a_handshake_error(message: bytes) -> None:
    with pytest.raises(HandshakeError):
        ServerHandshake(RING).read_message1(message)


@pytest.mark.parametrize("payload", [b"\xff" * 64, bytes(63) + b"\x01"], ids=["modes", "reserved"])
def test_a_bad_offer_from_a_holder_of_the_key_is_refused(payload: bytes) -> None:
    with pytest.raises(HandshakeError):
        ServerHandshake(RING).read_message1(build_message1(KEY.secret, E, E1, payload))


@pytest.mark.parametrize(
    ("e", "e1"), [(bytes(32), E1), (E, b"\xff" * 1184)], ids=["X25519 of small order", "ML-KEM above its modulus"]
)
def test_bad_public_keys_from_a_holder_of_the_key_give_no_secrets(e: bytes, e1: bytes) -> None:
    server = ServerHandshake(RING)
    server.read_message1(build_message1(KEY.secret, e, e1, OFFER.pack()))
    with pytest.raises(HandshakeError):
        server.respond(ANSWER, SERVER_KEYS)


# --- message 2, changed ---------------------------------------------------------------------------------------------------


def test_no_flipped_byte_of_message_2_verifies() -> None:
    message2, _ = respond_to(MESSAGE1)
    for position in range(1216):
        with pytest.raises(HandshakeError):
            new_client().read_message2(flipped(message2, position))


def test_no_other_size_of_message_2_is_read() -> None:
    message2, _ = respond_to(MESSAGE1)
    client = new_client()
    for size in [*range(1216), *range(1217, 1300), 65_536]:
        with pytest.raises(HandshakeError, match="size"):
            client.read_message2((message2 + bytes(65_536))[:size])


@given(st.binary(min_size=1216, max_size=1216))
def test_any_bytes_as_message_2_raise_a_handshake_error(message: bytes) -> None:
    with pytest.raises(HandshakeError):
        new_client().read_message2(message)


def test_an_answer_to_another_handshake_does_not_verify() -> None:
    other = ClientHandshake(KEY, OFFER, SERVER_KEYS)
    message2, _ = respond_to(other.message1)
    with pytest.raises(HandshakeError, match="does not verify"):
        new_client().read_message2(message2)


def test_a_client_reads_one_answer() -> None:
    client = new_client()
    message2, _ = respond_to(MESSAGE1)
    client.read_message2(message2)
    with pytest.raises(HandshakeError, match="turn"):
        client.read_message2(message2)


def test_its_own_first_message_is_no_answer() -> None:
    with pytest.raises(HandshakeError):
        new_client().read_message2(MESSAGE1[16 : 16 + 1216])


@pytest.mark.parametrize(
    "wrong", [{"e": bytes(32)}, {"ciphertext": bytes(1088)}], ids=["X25519 of small order", "another ciphertext"]
)
def test_bad_shares_from_a_holder_of_the_key_are_refused(wrong: dict[str, bytes]) -> None:
    client = new_client()
    message2 = build_message2(KEY.secret, client.message1, SERVER_KEYS.x25519(), payload=ANSWER.pack(), **wrong)
    with pytest.raises(HandshakeError):
        client.read_message2(message2)


@pytest.mark.parametrize("cipher", [0, 3, 4, 0x80])
def test_a_cipher_that_was_not_offered_is_refused(cipher: int) -> None:
    message2, _ = respond_to(MESSAGE1, dataclasses.replace(ANSWER, cipher=cipher))
    with pytest.raises(HandshakeError, match="cipher"):
        new_client().read_message2(message2)


def test_a_known_cipher_that_was_not_offered_is_refused() -> None:
    client = new_client(dataclasses.replace(OFFER, ciphers=1))
    message2, _ = respond_to(client.message1)
    with pytest.raises(HandshakeError, match="cipher"):
        client.read_message2(message2)


@pytest.mark.parametrize(("to_server", "to_client"), [(CONSTANT, CONSTANT), (PADDED, PADDED)])
def test_another_framing_than_was_offered_is_refused(to_server: FramingSpec, to_client: FramingSpec) -> None:
    message2, _ = respond_to(MESSAGE1, dataclasses.replace(ANSWER, to_server=to_server, to_client=to_client))
    with pytest.raises(HandshakeError, match="framing"):
        new_client().read_message2(message2)


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_says_why(status: HandshakeStatus) -> None:
    message2, _ = respond_to(MESSAGE1, dataclasses.replace(ANSWER, status=status, cipher=0))
    with pytest.raises(HandshakeRefusedError, match="the server") as caught:
        new_client().read_message2(message2)
    assert caught.value.answer.status is status
    assert caught.value.answer.unix_ms == ANSWER.unix_ms
