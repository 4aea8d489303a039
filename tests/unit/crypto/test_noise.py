"""Noise against the published vectors, against an independent implementation, and against itself with the KEM tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import NoiseConnection

from tests.support.seeded import SeededKeys
from wormhole_tunnel.crypto.aead import CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305
from wormhole_tunnel.crypto.noise import (
    MAX_NONCE,
    NN_HFS_PSK0,
    NN_PSK0,
    CipherState,
    HandshakeState,
    NoiseProtocol,
    noise_hkdf,
)
from wormhole_tunnel.errors import HandshakeError

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "noise-nnpsk0-25519.json").read_text(encoding="utf-8")
)["vectors"]
CIPHERS = {"AESGCM": CIPHER_AES_256_GCM, "ChaChaPoly": CIPHER_CHACHA20_POLY1305}
PSK = bytes(range(32))
INITIATOR = SeededKeys(b"\x01" * 32, b"\x02" * 64)
RESPONDER = SeededKeys(b"\x03" * 32, b"\x04" * 64)
SHORT_NAME = NoiseProtocol("Noise_NNpsk0_25519_AESGCM_SHA256", NN_PSK0, CIPHER_AES_256_GCM, "sha256")
HYBRID = NoiseProtocol(
    "Noise_NNhfs+psk0_25519+MLKEM768_ChaChaPoly_SHA256", NN_HFS_PSK0, CIPHER_CHACHA20_POLY1305, "sha256"
)


def protocol_named(name: str) -> NoiseProtocol:
    """The protocol of a name such as Noise_NNpsk0_25519_AESGCM_SHA256."""
    *_, cipher, hash_name = name.split("_")
    return NoiseProtocol(name, NN_PSK0, CIPHERS[cipher], hash_name.lower())


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a handshake."""

    initiator: HandshakeState
    responder: HandshakeState

    @classmethod
    def of(cls, protocol: NoiseProtocol, psk: bytes = PSK, prologue: bytes = b"prologue") -> Pair:
        return cls(
            HandshakeState(protocol, prologue, psk, initiator=True),
            HandshakeState(protocol, prologue, psk, initiator=False),
        )

    def finish(self) -> None:
        self.responder.read_message(self.initiator.write_message(b"first", INITIATOR))
        self.initiator.read_message(self.responder.write_message(b"second", RESPONDER))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["protocol_name"])
def test_published_vectors(vector: dict[str, Any]) -> None:
    protocol = protocol_named(vector["protocol_name"])
    pair = Pair.of(protocol, bytes.fromhex(vector["init_psks"][0]), bytes.fromhex(vector["init_prologue"]))
    messages = [
        (bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])) for message in vector["messages"]
    ]
    (first, first_sealed), (second, second_sealed), *rest = messages
    assert pair.initiator.write_message(first, SeededKeys(bytes.fromhex(vector["init_ephemeral"]))) == first_sealed
    assert pair.responder.read_message(first_sealed) == first
    assert pair.responder.write_message(second, SeededKeys(bytes.fromhex(vector["resp_ephemeral"]))) == second_sealed
    assert pair.initiator.read_message(second_sealed) == second
    assert pair.initiator.handshake_hash == bytes.fromhex(vector["handshake_hash"])
    sealing = [CipherState(protocol.cipher, key) for key in pair.initiator.split()]
    opening = [CipherState(protocol.cipher, key) for key in pair.responder.split()]
    for number, (payload, sealed) in enumerate(rest):
        assert sealing[number % 2].encrypt_with_ad(b"", payload) == sealed
        assert opening[number % 2].decrypt_with_ad(b"", sealed) == payload


def make_peer(name: str, *, initiator: bool) -> NoiseConnection:
    """The independent implementation, ready to begin."""
    peer = NoiseConnection.from_name(name.encode())
    peer.set_psks(PSK)
    peer.set_prologue(b"prologue")
    (peer.set_as_initiator if initiator else peer.set_as_responder)()
    peer.start_handshake()
    return peer


NAMES = pytest.mark.parametrize(
    "name",
    [
        f"Noise_NNpsk0_25519_{cipher}_{hash_name}"
        for cipher in ("ChaChaPoly", "AESGCM")
        for hash_name in ("SHA256", "SHA512", "BLAKE2s", "BLAKE2b")
    ],
)


@NAMES
def test_as_initiator_with_the_independent_peer(name: str) -> None:
    ours = HandshakeState(protocol_named(name), b"prologue", PSK, initiator=True)
    peer = make_peer(name, initiator=False)
    assert peer.read_message(ours.write_message(b"hello", INITIATOR)) == b"hello"
    assert ours.read_message(bytes(peer.write_message(b"welcome"))) == b"welcome"
    assert ours.handshake_hash == peer.get_handshake_hash()
    sending, receiving = (CipherState(CIPHERS[name.split("_")[3]], key) for key in ours.split())
    for number in range(3):
        assert peer.decrypt(sending.encrypt_with_ad(b"", b"%d up" % number)) == b"%d up" % number
        assert receiving.decrypt_with_ad(b"", peer.encrypt(b"%d down" % number)) == b"%d down" % number


@NAMES
def test_as_responder_with_the_independent_peer(name: str) -> None:
    ours = HandshakeState(protocol_named(name), b"prologue", PSK, initiator=False)
    peer = make_peer(name, initiator=True)
    assert ours.read_message(bytes(peer.write_message(b"hello"))) == b"hello"
    assert peer.read_message(ours.write_message(b"welcome", RESPONDER)) == b"welcome"
    assert ours.handshake_hash == peer.get_handshake_hash()
    receiving, sending = (CipherState(CIPHERS[name.split("_")[3]], key) for key in ours.split())
    assert receiving.decrypt_with_ad(b"", peer.encrypt(b"up")) == b"up"
    assert peer.decrypt(sending.encrypt_with_ad(b"", b"down")) == b"down"


def test_a_hybrid_handshake_gives_both_sides_the_same() -> None:
    pair = Pair.of(HYBRID)
    pair.finish()
    assert pair.initiator.handshake_hash == pair.responder.handshake_hash
    assert pair.initiator.split(3) == pair.responder.split(3)
    assert len({*pair.initiator.split(3)}) == 3


def test_the_kem_secret_is_mixed_in() -> None:
    # Everything but the encapsulation is the same twice.
    one, other = Pair.of(HYBRID), Pair.of(HYBRID)
    one.finish()
    other.finish()
    assert one.initiator.split() != other.initiator.split()


@pytest.mark.parametrize("protocol", [SHORT_NAME, HYBRID], ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("difference", ["psk", "prologue"])
def test_another_psk_or_prologue_does_not_verify(protocol: NoiseProtocol, difference: str) -> None:
    message = Pair.of(protocol).initiator.write_message(b"", INITIATOR)
    other = Pair.of(protocol, psk=bytes(32)) if difference == "psk" else Pair.of(protocol, prologue=b"another")
    with pytest.raises(HandshakeError, match="does not verify"):
        other.responder.read_message(message)


def test_messages_out_of_turn_are_refused() -> None:
    with pytest.raises(HandshakeError, match="turn"):
        Pair.of(HYBRID).initiator.read_message(b"")
    with pytest.raises(HandshakeError, match="turn"):
        Pair.of(HYBRID).responder.write_message(b"", RESPONDER)


def test_a_third_message_is_refused() -> None:
    pair = Pair.of(HYBRID)
    pair.finish()
    with pytest.raises(HandshakeError, match="turn"):
        pair.initiator.write_message(b"", INITIATOR)


def test_no_keys_come_out_of_an_unfinished_handshake() -> None:
    pair = Pair.of(HYBRID)
    pair.initiator.write_message(b"", INITIATOR)
    with pytest.raises(HandshakeError, match="not finished"):
        pair.initiator.split()


def test_after_a_failure_the_state_is_of_no_use() -> None:
    pair = Pair.of(HYBRID)
    message = pair.initiator.write_message(b"", INITIATOR)
    with pytest.raises(HandshakeError):
        pair.responder.read_message(message[:-1])
    with pytest.raises(HandshakeError, match="turn"):
        pair.responder.read_message(message)
    with pytest.raises(HandshakeError, match="not finished"):
        pair.responder.split()


@given(st.binary(max_size=1400))
def test_any_bytes_raise_a_handshake_error_only(message: bytes) -> None:
    with pytest.raises(HandshakeError):
        Pair.of(HYBRID).responder.read_message(message)


def test_the_last_nonce_is_never_used() -> None:
    state = CipherState(CIPHER_CHACHA20_POLY1305, PSK)
    state.nonce = MAX_NONCE - 1
    state.encrypt_with_ad(b"", b"last")
    with pytest.raises(HandshakeError, match="used up"):
        state.encrypt_with_ad(b"", b"one more")


def test_hkdf_outputs_are_those_of_rfc_5869_with_an_empty_info() -> None:
    # Section 4.3: with the chaining key as salt. RFC 5869, test case 3, has neither salt nor info.
    outputs = noise_hkdf("sha256", b"", b"\x0b" * 22, 3)
    assert b"".join(outputs)[:42].hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
