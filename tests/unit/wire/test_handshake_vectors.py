"""The project's own vectors of whole handshakes, read by the code and by the independent decoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.seeded import SeededKeys
from tests.unit.wire.independent import Decoded, Direction, decode, hint_of, psk_of
from tools.make_vectors import OUTPUT
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.wire.handshake import ClientHandshake, HandshakeRefusedError, ServerHandshake
from wormhole_tunnel.wire.negotiation import ClientOffer, FramingMode, FramingSpec

HANDSHAKES: list[dict[str, Any]] = json.loads(Path(OUTPUT).read_text(encoding="utf-8"))["handshakes"]
EACH = pytest.mark.parametrize("vector", HANDSHAKES, ids=lambda vector: vector["name"])


def key_of(vector: dict[str, Any]) -> Key:
    return Key("vector", bytes.fromhex(vector["key"]))


def framing_of(numbers: list[int]) -> FramingSpec:
    return FramingSpec(FramingMode(numbers[0]), *numbers[1:])


def offer_of(vector: dict[str, Any]) -> ClientOffer:
    offer = vector["offer"]
    return ClientOffer(
        offer["unix_ms"],
        offer["ciphers"],
        framing_of(offer["to_server"]),
        framing_of(offer["to_client"]),
        bytes.fromhex(offer["wanted_instance"]),
    )


def client_of(vector: dict[str, Any]) -> ClientHandshake:
    keys = SeededKeys(bytes.fromhex(vector["client_x25519_private"]), bytes.fromhex(vector["client_mlkem_seed"]))
    return ClientHandshake(key_of(vector), offer_of(vector), keys)


def decoded(vector: dict[str, Any]) -> Decoded:
    names = ("key", "client_x25519_private", "client_mlkem_seed", "message1", "message2")
    return decode(*(bytes.fromhex(vector[name]) for name in names))


@EACH
def test_the_keys_are_derived_so(vector: dict[str, Any]) -> None:
    key = key_of(vector)
    assert (key.psk.hex(), key.hint_key.hex()) == (vector["psk"], vector["hint_key"])
    assert psk_of(key.secret) == key.psk
    assert hint_of(key.secret, bytes.fromhex(vector["message1"])[16:]).hex() == vector["message1"][:32]


@EACH
def test_the_client_writes_message_1(vector: dict[str, Any]) -> None:
    assert client_of(vector).message1.hex() == vector["message1"]


@EACH
def test_the_server_reads_message_1(vector: dict[str, Any]) -> None:
    server = ServerHandshake(Keyring((key_of(vector),)))
    assert server.read_message1(bytes.fromhex(vector["message1"])) == offer_of(vector)


@EACH
def test_the_client_reads_message_2(vector: dict[str, Any]) -> None:
    client, message2, secrets = client_of(vector), bytes.fromhex(vector["message2"]), vector["secrets"]
    if vector["answer"]["status"]:
        with pytest.raises(HandshakeRefusedError) as caught:
            client.read_message2(message2)
        assert caught.value.answer.status == vector["answer"]["status"]
        return
    established = client.read_message2(message2)
    assert established.transcript.hex() == secrets["transcript"]
    assert established.send_secret.hex() == secrets["client_to_server"]
    assert established.receive_secret.hex() == secrets["server_to_client"]
    assert established.session_id.hex() == secrets["session_id"]
    assert established.resume_key.hex() == secrets["resume_key"]
    assert established.cipher == vector["answer"]["cipher"]


@EACH
def test_the_independent_decoder_reads_the_same(vector: dict[str, Any]) -> None:
    offer, answer, secrets = vector["offer"], vector["answer"], vector["secrets"]
    assert decoded(vector) == Decoded(
        offer_unix_ms=offer["unix_ms"],
        ciphers=offer["ciphers"],
        wanted_instance=bytes.fromhex(offer["wanted_instance"]),
        offered=(Direction(*offer["to_server"]), Direction(*offer["to_client"])),
        answer_unix_ms=answer["unix_ms"],
        status=answer["status"],
        cipher=answer["cipher"],
        instance=bytes.fromhex(answer["instance"]),
        answered=(Direction(*answer["to_server"]), Direction(*answer["to_client"])),
        kem_ciphertext=bytes.fromhex(vector["kem_ciphertext"]),
        **{name: bytes.fromhex(value) for name, value in secrets.items()},
    )


@EACH
def test_another_psk_reads_nothing(vector: dict[str, Any]) -> None:
    with pytest.raises(HandshakeError):
        ServerHandshake(Keyring((Key("other", bytes(32)),))).read_message1(bytes.fromhex(vector["message1"]))
