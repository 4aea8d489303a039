"""The handshake: one message each way, and the secrets of a link out of them (docs/protocol.md, Handshake).

    ClientHandshake(key, offer, ...)                          ServerHandshake(keyring)
        .message1                       -- 1,328 bytes -->        .match(message1): which key
                                                                  .read_message1(message1): the offer
        .read_message2(message2)        <-- 1,216 bytes --        .respond(answer, ...)
        = Established                                             = Established

The Noise protocol is fixed. Message 1 begins with a hint tag, which tells a server which of its keys the client holds,
and an observer nothing; no other byte is looked at before it matches. Whatever the peer sends, the only error is
HandshakeError. The server has no proof of a live client until that client's first record verifies.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wormhole_tunnel.crypto.aead import CIPHER_CHACHA20_POLY1305, KEY_SIZE, NONCE_SIZE
from wormhole_tunnel.crypto.kem import KeyGenerator
from wormhole_tunnel.crypto.noise import NN_HFS_PSK0, HandshakeState, NoiseProtocol
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.keys.derivation import hkdf_expand
from wormhole_tunnel.limits import MESSAGE1_SIZE, MESSAGE2_SIZE, PROLOGUE
from wormhole_tunnel.wire.negotiation import (
    ANY_INSTANCE,
    ClientOffer,
    FramingMode,
    FramingSpec,
    HandshakeStatus,
    ServerAnswer,
)

if TYPE_CHECKING:
    from wormhole_tunnel.keys.keyring import Key, Keyring

__all__ = [
    "ANY_INSTANCE",
    "HINT_SIZE",
    "ClientHandshake",
    "ClientOffer",
    "Established",
    "FramingMode",
    "FramingSpec",
    "HandshakeRefusedError",
    "HandshakeStatus",
    "KeyGenerator",
    "ServerAnswer",
    "ServerHandshake",
]

NOISE_PROTOCOL: Final = NoiseProtocol(
    "Noise_NNhfs+psk0_25519+MLKEM768_ChaChaPoly_SHA256", NN_HFS_PSK0, CIPHER_CHACHA20_POLY1305, "sha256"
)
HINT_SIZE: Final = 16
RECORD_SECRET_SIZE: Final = KEY_SIZE + NONCE_SIZE
SESSION_ID_SIZE: Final = 16
RESUME_KEY_SIZE: Final = 32

_REFUSALS: Final = {
    HandshakeStatus.FRAMING_REFUSED: "the server refuses this framing; --framing must be the same on both ends",
    HandshakeStatus.CLOCK: "the server refuses because the two clocks differ too much; set the clocks right",
    HandshakeStatus.DRAINING: "the server is draining and takes no new link",
    HandshakeStatus.BUSY: "the server is busy and takes no new link now",
}


class HandshakeRefusedError(HandshakeError):
    """The server holds the key and says no; `answer.status` says why, `answer.unix_ms` is its clock."""

    def __init__(self, answer: ServerAnswer) -> None:
        super().__init__(_REFUSALS[answer.status])
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Established:
    """What a handshake leaves, from the own point of view.

    The secrets are 44 bytes each, a record key of 32 and an iv of 12. `session_id` (16 bytes) and `resume_key` (32)
    serve when the link founds a session. `transcript` is the handshake hash (32): the same on both sides, never again.
    """

    key: Key
    offer: ClientOffer
    answer: ServerAnswer
    send_secret: bytes = field(repr=False)
    receive_secret: bytes = field(repr=False)
    session_id: bytes
    resume_key: bytes = field(repr=False)
    transcript: bytes

    @property
    def cipher(self) -> int:
        """The record cipher, a `CIPHER_...`."""
        return self.answer.cipher


class ClientHandshake:
    """The client's side of one handshake; `message1` is the 1,328 bytes to send."""

    __slots__ = ("_key", "_noise", "_offer", "message1")

    def __init__(self, key: Key, offer: ClientOffer, generator: KeyGenerator) -> None:
        self._key = key
        self._offer = offer
        self._noise = HandshakeState(NOISE_PROTOCOL, PROLOGUE, key.psk, initiator=True)
        sealed = self._noise.write_message(offer.pack(), generator)
        self.message1 = _hint_tag(key.hint_key, _hinted_digest(sealed)) + sealed

    def read_message2(self, message2: bytes) -> Established:
        """The secrets, once the server has answered with 1,216 bytes.

        HandshakeRefusedError when it says no; HandshakeError when the message does not verify, or answers something
        else than was offered.
        """
        if len(message2) != MESSAGE2_SIZE:
            raise HandshakeError(f"an answer of another size than {MESSAGE2_SIZE} bytes")
        answer = ServerAnswer.unpack(self._noise.read_message(message2))
        if answer.status is not HandshakeStatus.OK:
            raise HandshakeRefusedError(answer)
        self._check_answer(answer)
        return _establish(self._noise, self._key, self._offer, answer, is_client=True)

    def _check_answer(self, answer: ServerAnswer) -> None:
        if not (self._offer.ciphers & answer.cipher and answer.cipher.bit_count() == 1):
            raise HandshakeError("the server chose a cipher that was not offered")
        if (answer.to_server, answer.to_client) != (self._offer.to_server, self._offer.to_client):
            raise HandshakeError("the server answers another framing than was offered")


class ServerHandshake:
    """The server's side of one handshake: `match` (the cheap part), then `read_message1`, then `respond`."""

    __slots__ = ("_key", "_keyring", "_matched", "_noise", "_offer")

    _key: Key
    _noise: HandshakeState
    _offer: ClientOffer

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._matched: Key | None = None

    def match(self, message1: bytes) -> Key | None:
        """The key whose hint tag stands at the head of a message of 1,328 bytes, or None.

        Every key of the ring is tried, so that the time tells neither which one matched nor whether one did.
        """
        self._matched = None
        if len(message1) != MESSAGE1_SIZE:
            return None
        tag, digest = message1[:HINT_SIZE], _hinted_digest(message1[HINT_SIZE:])
        for key in self._keyring:
            if hmac.compare_digest(_hint_tag(key.hint_key, digest), tag):
                self._matched = key
        return self._matched

    def read_message1(self, message1: bytes) -> ClientOffer:
        """The offer in the message, matched first where `match` has not. HandshakeError when it does not verify."""
        matched = self._matched or self.match(message1)
        if matched is None:
            raise HandshakeError("a first message whose hint tag is of no key here")
        self._key = matched
        self._noise = HandshakeState(NOISE_PROTOCOL, PROLOGUE, self._key.psk, initiator=False)
        self._offer = ClientOffer.unpack(self._noise.read_message(message1[HINT_SIZE:]))
        return self._offer

    @property
    def key(self) -> Key:
        """The key that `read_message1` found."""
        return self._key

    def respond(self, answer: ServerAnswer, generator: KeyGenerator) -> tuple[bytes, Established]:
        """The 1,216 bytes to send, and the secrets; with any status but OK, the link ends once they are sent.

        HandshakeError when the client's share gives no secret.
        """
        message2 = self._noise.write_message(answer.pack(), generator)
        return message2, _establish(self._noise, self._key, self._offer, answer, is_client=False)


def _hinted_digest(sealed: bytes) -> bytes:
    return hashlib.sha256(PROLOGUE + sealed).digest()


def _hint_tag(hint_key: bytes, digest: bytes) -> bytes:
    return hashlib.blake2s(digest, key=hint_key, digest_size=HINT_SIZE).digest()


def _establish(
    noise: HandshakeState, key: Key, offer: ClientOffer, answer: ServerAnswer, *, is_client: bool
) -> Established:
    transcript = noise.handshake_hash
    to_server, to_client, extra = noise.split(3)
    send, receive = (to_server, to_client) if is_client else (to_client, to_server)
    session = hkdf_expand(extra, b"wh1 session" + transcript, SESSION_ID_SIZE + RESUME_KEY_SIZE)
    return Established(
        key,
        offer,
        answer,
        send_secret=hkdf_expand(send, b"wh1 rec" + transcript, RECORD_SECRET_SIZE),
        receive_secret=hkdf_expand(receive, b"wh1 rec" + transcript, RECORD_SECRET_SIZE),
        session_id=session[:SESSION_ID_SIZE],
        resume_key=session[SESSION_ID_SIZE:],
        transcript=transcript,
    )
