"""The handshake a second time, written from docs/protocol.md and the Noise specification, sharing no code with `src`.

It builds either message from chosen parts, right or wrong, and takes both messages apart once the client's ephemeral
private keys are known. Plain steps in the order of the specification; nothing here is meant to be reused.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

PROTOCOL_NAME = b"Noise_NNhfs+psk0_25519+MLKEM768_ChaChaPoly_SHA256"
PROLOGUE = b"wormhole/1\x00"


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def hmac256(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def expand(key: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand for at most two blocks."""
    first = hmac256(key, info, b"\x01")
    return (first + hmac256(key, first, info, b"\x02"))[:size]


def noise_outputs(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes, bytes]:
    """Noise's HKDF with three outputs; with two, they are the first two."""
    temporary = hmac256(chaining_key, material)
    first = hmac256(temporary, b"\x01")
    second = hmac256(temporary, first, b"\x02")
    return first, second, hmac256(temporary, second, b"\x03")


def psk_of(secret: bytes) -> bytes:
    return expand(hmac256(b"wormhole v1", secret), b"noise psk", 32)


def hint_of(secret: bytes, sealed_message1: bytes) -> bytes:
    key = expand(hmac256(b"wormhole v1", secret), b"hint", 32)
    return hashlib.blake2s(sha256(PROLOGUE, sealed_message1), key=key, digest_size=16).digest()


def tagged(secret: bytes, sealed_message1: bytes) -> bytes:
    """Message 1 with the hint tag that belongs to it."""
    return hint_of(secret, sealed_message1) + sealed_message1


@dataclass
class Transcript:
    """Noise's running values: transcript hash h, chaining key ck, cipher key k and its counter n."""

    h: bytes
    ck: bytes
    k: bytes = b""
    n: int = 0

    @classmethod
    def begin(cls, secret: bytes) -> Self:
        name = sha256(PROTOCOL_NAME)
        transcript = cls(h=sha256(name, PROLOGUE), ck=name)
        transcript.ck, mixed, transcript.k = noise_outputs(transcript.ck, psk_of(secret))
        transcript.h = sha256(transcript.h, mixed)
        return transcript

    def mix_key(self, material: bytes) -> None:
        self.ck, self.k, _ = noise_outputs(self.ck, material)
        self.n = 0

    def mix_ephemeral(self, public: bytes) -> None:
        self.h = sha256(self.h, public)
        self.mix_key(public)

    def seal(self, plaintext: bytes) -> bytes:
        sealed = ChaCha20Poly1305(self.k).encrypt(struct.pack("<4xQ", self.n), plaintext, self.h)
        self._count(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        plaintext = ChaCha20Poly1305(self.k).decrypt(struct.pack("<4xQ", self.n), sealed, self.h)
        self._count(sealed)
        return plaintext

    def _count(self, sealed: bytes) -> None:
        self.h = sha256(self.h, sealed)
        self.n += 1


def build_message1(secret: bytes, e: bytes, e1: bytes, payload: bytes) -> bytes:
    """Message 1 of whoever holds the key, from public keys and a payload that need not be right."""
    transcript = Transcript.begin(secret)
    transcript.mix_ephemeral(e)
    return tagged(secret, e + transcript.seal(e1) + transcript.seal(payload))


def build_message2(secret: bytes, message1: bytes, private: X25519PrivateKey, **wrong: bytes) -> bytes:
    """Message 2 of whoever holds the key; `wrong` replaces e, ciphertext or payload."""
    transcript = Transcript.begin(secret)
    client_e = message1[16:48]
    transcript.mix_ephemeral(client_e)
    e1 = transcript.open(message1[48:1248])
    transcript.open(message1[1248:])
    e = private.public_key().public_bytes_raw()
    transcript.mix_ephemeral(wrong.get("e", e))
    transcript.mix_key(private.exchange(X25519PublicKey.from_public_bytes(client_e)))
    kem_secret, ciphertext = MLKEM768PublicKey.from_public_bytes(e1).encapsulate()
    sealed_ciphertext = transcript.seal(wrong.get("ciphertext", ciphertext))
    transcript.mix_key(kem_secret)
    return wrong.get("e", e) + sealed_ciphertext + transcript.seal(wrong["payload"])


@dataclass(frozen=True)
class Direction:
    """The framing of one direction, as numbers."""

    mode: int
    quantum: int
    interval_us: int


@dataclass(frozen=True)
class Decoded:
    """All that the two messages hold, and all that follows from them."""

    offer_unix_ms: int
    ciphers: int
    wanted_instance: bytes
    offered: tuple[Direction, Direction]
    answer_unix_ms: int
    status: int
    cipher: int
    instance: bytes
    answered: tuple[Direction, Direction]
    kem_ciphertext: bytes
    transcript: bytes
    client_to_server: bytes
    server_to_client: bytes
    session_id: bytes
    resume_key: bytes = field(repr=False)


def directions(numbers: tuple[int, ...]) -> tuple[Direction, Direction]:
    return Direction(*numbers[:3]), Direction(*numbers[3:])


def decode(secret: bytes, x25519_private: bytes, mlkem_seed: bytes, message1: bytes, message2: bytes) -> Decoded:
    """Take a handshake apart as its client can. AssertionError or InvalidTag where a message is not as specified."""
    assert len(message1) == 1328
    assert message1[:16] == hint_of(secret, message1[16:])
    private = X25519PrivateKey.from_private_bytes(x25519_private)
    kem_private = MLKEM768PrivateKey.from_seed_bytes(mlkem_seed)
    transcript = Transcript.begin(secret)
    assert message1[16:48] == private.public_key().public_bytes_raw()
    transcript.mix_ephemeral(message1[16:48])
    assert transcript.open(message1[48:1248]) == kem_private.public_key().public_bytes_raw()
    offer = transcript.open(message1[1248:])
    unix_ms, ciphers = struct.unpack_from(">QB", offer)
    assert offer[43:] == bytes(21)

    assert len(message2) == 1216
    transcript.mix_ephemeral(message2[:32])
    transcript.mix_key(private.exchange(X25519PublicKey.from_public_bytes(message2[:32])))
    kem_ciphertext = transcript.open(message2[32:1136])
    transcript.mix_key(kem_private.decapsulate(kem_ciphertext))
    answer = transcript.open(message2[1136:])
    server_unix_ms, status, cipher = struct.unpack_from(">QBB", answer)
    assert answer[44:] == bytes(20)

    h = transcript.h
    k_cs, k_sc, k_x = noise_outputs(transcript.ck, b"")
    session = expand(k_x, b"wh1 session" + h, 48)
    return Decoded(
        offer_unix_ms=unix_ms,
        ciphers=ciphers,
        wanted_instance=offer[27:43],
        offered=directions(struct.unpack_from(">BIIBII", offer, 9)),
        answer_unix_ms=server_unix_ms,
        status=status,
        cipher=cipher,
        instance=answer[28:44],
        answered=directions(struct.unpack_from(">BIIBII", answer, 10)),
        kem_ciphertext=kem_ciphertext,
        transcript=h,
        client_to_server=expand(k_cs, b"wh1 rec" + h, 44),
        server_to_client=expand(k_sc, b"wh1 rec" + h, 44),
        session_id=session[:16],
        resume_key=session[16:],
    )
