"""The Noise handshake states (The Noise Protocol Framework, revision 34), for patterns without static keys.

`CipherState` seals with a counter, `SymmetricState` keeps the transcript and the chaining key, `HandshakeState` works
through the tokens of a pattern. Patterns are data. Every pattern here begins with `psk`, so a cipher key always stands
before the first encryption, and each `e` is mixed into the key as well (section 9.2). `e1` and `ekem1` are the tokens
of the hybrid forward secrecy extension: an ephemeral KEM key, and a ciphertext for it, both sealed.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from cryptography.exceptions import InvalidTag

from wormhole_tunnel.crypto.aead import CIPHER_AES_256_GCM, KEY_SIZE, new_aead
from wormhole_tunnel.crypto.kem import (
    KEM_CIPHERTEXT_SIZE,
    KEM_PUBLIC_SIZE,
    X25519_SIZE,
    decapsulate,
    encapsulate,
    exchange,
)
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.limits import TAG_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from wormhole_tunnel.crypto.kem import KeyGenerator

MAX_NONCE: Final = (1 << 64) - 1  # reserved by section 5.1
_SEALED_KEM_PUBLIC: Final = KEM_PUBLIC_SIZE + TAG_SIZE
_SEALED_KEM_CIPHERTEXT: Final = KEM_CIPHERTEXT_SIZE + TAG_SIZE


class Token(Enum):
    """What a handshake message does, in order."""

    PSK = auto()
    E = auto()
    EE = auto()
    E1 = auto()
    EKEM1 = auto()


@dataclass(frozen=True, slots=True)
class NoiseProtocol:
    """A Noise protocol: its full name, the tokens of each message (the initiator's first), cipher and hash function.

    `cipher` is a `CIPHER_...` of aead; `hash_name` is hashlib's.
    """

    name: str
    messages: tuple[tuple[Token, ...], ...]
    cipher: int
    hash_name: str


NN_PSK0: Final = ((Token.PSK, Token.E), (Token.E, Token.EE))
NN_HFS_PSK0: Final = ((Token.PSK, Token.E, Token.E1), (Token.E, Token.EE, Token.EKEM1))


def noise_hkdf(hash_name: str, chaining_key: bytes, material: bytes, count: int) -> list[bytes]:
    """Section 4.3: `count` outputs, each as long as the hash."""
    prk = hmac.digest(chaining_key, material, hash_name)
    outputs: list[bytes] = []
    previous = b""
    for number in range(1, count + 1):
        previous = hmac.digest(prk, previous + bytes([number]), hash_name)
        outputs.append(previous)
    return outputs


class CipherState:
    """Section 5.1: a key and a counter. HandshakeError when a tag does not verify or the counter is used up."""

    __slots__ = ("_aead", "_byte_order", "nonce")

    def __init__(self, cipher: int, key: bytes) -> None:
        self._aead = new_aead(cipher, key)
        self._byte_order: Literal["big", "little"] = "big" if cipher == CIPHER_AES_256_GCM else "little"  # section 12
        self.nonce = 0

    def encrypt_with_ad(self, associated_data: bytes, plaintext: bytes) -> bytes:
        """The ciphertext, then the tag of 16 bytes."""
        return self._aead.encrypt(self._next_nonce(), plaintext, associated_data)

    def decrypt_with_ad(self, associated_data: bytes, ciphertext: bytes) -> bytes:
        """The plaintext. HandshakeError for anything that was not sealed so."""
        try:
            return self._aead.decrypt(self._next_nonce(), ciphertext, associated_data)
        except InvalidTag as error:
            raise HandshakeError("a handshake message that does not verify") from error

    def _next_nonce(self) -> bytes:
        if self.nonce == MAX_NONCE:
            raise HandshakeError("a handshake key is used up")
        nonce = bytes(4) + self.nonce.to_bytes(8, self._byte_order)
        self.nonce += 1
        return nonce


class SymmetricState:
    """Section 5.2: the transcript hash, the chaining key, and the cipher that both lead to."""

    __slots__ = ("_chaining_key", "_cipher", "_protocol", "handshake_hash")

    _cipher: CipherState  # made by the first psk

    def __init__(self, protocol: NoiseProtocol) -> None:
        self._protocol = protocol
        name = protocol.name.encode()
        size = hashlib.new(protocol.hash_name).digest_size
        self.handshake_hash = name.ljust(size, b"\0") if len(name) <= size else self._hash(name)
        self._chaining_key = self.handshake_hash

    def mix_hash(self, data: bytes) -> None:
        """Add `data` to the transcript."""
        self.handshake_hash = self._hash(self.handshake_hash + data)

    def mix_key(self, material: bytes) -> None:
        """Derive the next chaining key and cipher key."""
        self._chaining_key, key = self._hkdf(material, 2)
        self._set_key(key)

    def mix_key_and_hash(self, material: bytes) -> None:
        """Derive the next chaining key and cipher key, and add a digest of `material` to the transcript."""
        self._chaining_key, digest, key = self._hkdf(material, 3)
        self.mix_hash(digest)
        self._set_key(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """Seal under the transcript, and add the ciphertext to it."""
        ciphertext = self._cipher.encrypt_with_ad(self.handshake_hash, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """Open what `encrypt_and_hash` sealed. HandshakeError when it does not verify."""
        plaintext = self._cipher.decrypt_with_ad(self.handshake_hash, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self, count: int) -> list[bytes]:
        """`count` keys of 32 bytes; Noise itself uses two, the initiator's sending key first."""
        return [key[:KEY_SIZE] for key in self._hkdf(b"", count)]

    def _hkdf(self, material: bytes, count: int) -> list[bytes]:
        return noise_hkdf(self._protocol.hash_name, self._chaining_key, material, count)

    def _hash(self, data: bytes) -> bytes:
        return hashlib.new(self._protocol.hash_name, data).digest()

    def _set_key(self, key: bytes) -> None:
        self._cipher = CipherState(self._protocol.cipher, key[:KEY_SIZE])


class HandshakeState:
    """Section 5.3: one side of a handshake. Messages alternate; after a HandshakeError the state is of no more use."""

    __slots__ = ("_e", "_e1", "_initiator", "_next", "_protocol", "_psk", "_re", "_re1", "_symmetric")

    _e: X25519PrivateKey
    _e1: MLKEM768PrivateKey
    _re: bytes
    _re1: bytes

    def __init__(self, protocol: NoiseProtocol, prologue: bytes, psk: bytes, *, initiator: bool) -> None:
        self._protocol = protocol
        self._psk = psk
        self._initiator = initiator
        self._next = 0
        self._symmetric = SymmetricState(protocol)
        self._symmetric.mix_hash(prologue)

    @property
    def handshake_hash(self) -> bytes:
        """The transcript so far; once finished, the same on both sides only if they saw the same messages."""
        return self._symmetric.handshake_hash

    def write_message(self, payload: bytes, generator: KeyGenerator) -> bytes:
        """The next message: new ephemeral keys, then `payload`, sealed. HandshakeError when it is the peer's turn."""
        turn = self._begin(writes=True)
        message = b"".join([self._writers[token](self, generator) for token in self._protocol.messages[turn]])
        message += self._symmetric.encrypt_and_hash(payload)
        self._next = turn + 1
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the peer's next message. HandshakeError for one that does not verify, whatever is in it."""
        turn = self._begin(writes=False)
        for token in self._protocol.messages[turn]:
            message = self._readers[token](self, message)
        payload = self._symmetric.decrypt_and_hash(message)
        self._next = turn + 1
        return payload

    def split(self, count: int = 2) -> list[bytes]:
        """`count` keys of 32 bytes, the initiator's sending key first. HandshakeError for an unfinished handshake."""
        if self._next != len(self._protocol.messages):
            raise HandshakeError("the handshake is not finished")
        return self._symmetric.split(count)

    def _begin(self, *, writes: bool) -> int:
        turn = self._next
        self._next = len(self._protocol.messages) + 1  # what a failure leaves behind: no turn at all, no split
        if turn >= len(self._protocol.messages) or writes != (self._initiator == (turn % 2 == 0)):
            raise HandshakeError("a handshake message out of turn")
        return turn

    def _write_psk(self, _: KeyGenerator) -> bytes:
        self._symmetric.mix_key_and_hash(self._psk)
        return b""

    def _read_psk(self, message: bytes) -> bytes:
        self._symmetric.mix_key_and_hash(self._psk)
        return message

    def _write_e(self, generator: KeyGenerator) -> bytes:
        self._e = generator.x25519()
        return self._mix_e(self._e.public_key().public_bytes_raw())

    def _read_e(self, message: bytes) -> bytes:
        self._re = self._mix_e(message[:X25519_SIZE])
        return message[X25519_SIZE:]

    def _mix_e(self, public: bytes) -> bytes:
        self._symmetric.mix_hash(public)
        self._symmetric.mix_key(public)  # section 9.2: a psk used twice never gives the same key
        return public

    def _write_ee(self, _: KeyGenerator) -> bytes:
        self._symmetric.mix_key(exchange(self._e, self._re))
        return b""

    def _read_ee(self, message: bytes) -> bytes:
        self._symmetric.mix_key(exchange(self._e, self._re))
        return message

    def _write_e1(self, generator: KeyGenerator) -> bytes:
        self._e1 = generator.mlkem()
        return self._symmetric.encrypt_and_hash(self._e1.public_key().public_bytes_raw())

    def _read_e1(self, message: bytes) -> bytes:
        self._re1 = self._symmetric.decrypt_and_hash(message[:_SEALED_KEM_PUBLIC])
        return message[_SEALED_KEM_PUBLIC:]

    def _write_ekem1(self, _: KeyGenerator) -> bytes:
        secret, ciphertext = encapsulate(self._re1)
        sealed = self._symmetric.encrypt_and_hash(ciphertext)
        self._symmetric.mix_key(secret)
        return sealed

    def _read_ekem1(self, message: bytes) -> bytes:
        ciphertext = self._symmetric.decrypt_and_hash(message[:_SEALED_KEM_CIPHERTEXT])
        self._symmetric.mix_key(decapsulate(self._e1, ciphertext))
        return message[_SEALED_KEM_CIPHERTEXT:]

    # Each token as it is written (giving its bytes) and read (giving the rest of the message).
    _writers: ClassVar[Mapping[Token, Callable[[HandshakeState, KeyGenerator], bytes]]] = {
        Token.PSK: _write_psk,
        Token.E: _write_e,
        Token.EE: _write_ee,
        Token.E1: _write_e1,
        Token.EKEM1: _write_ekem1,
    }
    _readers: ClassVar[Mapping[Token, Callable[[HandshakeState, bytes], bytes]]] = {
        Token.PSK: _read_psk,
        Token.E: _read_e,
        Token.EE: _read_ee,
        Token.E1: _read_e1,
        Token.EKEM1: _read_ekem1,
    }
