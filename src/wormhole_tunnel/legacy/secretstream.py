"""libsodium's secretstream (XChaCha20-Poly1305), by way of PyNaCl, many messages at a time.

PyNaCl's own functions allocate and copy for each message, which at 256 bytes costs more than the encryption: 3.8 us to
push one, against 1.4 us for the C function itself. So this module calls the C functions that PyNaCl loaded, on whole
batches. PyNaCl is an extra and is imported when the first stream needs it.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Final

from wormhole_tunnel.errors import WormholeError
from wormhole_tunnel.legacy.block import BLOCK_SIZE, MARK, MAX_DATA, data_size, pad
from wormhole_tunnel.legacy.errors import LegacyAuthenticationError, LegacyPaddingError

KEY_SIZE: Final = 32  # bytes
HEADER_SIZE: Final = 24  # bytes: 16 for HChaCha20, 8 of the first nonce
MESSAGE_SIZE: Final = BLOCK_SIZE + 17  # bytes: an encrypted tag, the block, 16 of Poly1305
_TAG_MESSAGE = 0
_PREFIX = "crypto_secretstream_xchacha20poly1305_"


class _Sodium:
    """The C functions used here, and cffi's helper for their pointers."""

    __slots__ = ("ffi", "init", "pull", "push", "state_size")

    def __init__(self, binding: ModuleType) -> None:
        self.ffi = binding.ffi
        self.init = getattr(binding.lib, _PREFIX + "init_pull")
        self.push = getattr(binding.lib, _PREFIX + "push")
        self.pull = getattr(binding.lib, _PREFIX + "pull")
        self.state_size: int = getattr(binding.lib, _PREFIX + "statebytes")()

    def new_state(self, key: bytes, header: bytes) -> object:
        """The state of either end of a stream.

        libsodium's init_push is its init_pull with a header that it draws itself. Here randomness is passed in.
        """
        if len(key) != KEY_SIZE or len(header) != HEADER_SIZE:
            raise ValueError(f"a legacy stream needs {KEY_SIZE} bytes of key and {HEADER_SIZE} of header")
        state = self.ffi.new("unsigned char[]", self.state_size)
        self.init(state, header, key)
        return state


@functools.cache
def load_sodium() -> _Sodium:
    """Import PyNaCl and find its functions, once. Raises WormholeError if it is missing or another one than we know."""
    try:
        importlib.import_module("nacl.bindings")  # initialises libsodium
        return _Sodium(importlib.import_module("nacl._sodium"))
    except ImportError as error:
        raise WormholeError("--transport legacy needs PyNaCl: pip install 'wormhole-tunnel[legacy]'") from error
    except AttributeError as error:
        raise WormholeError(f"this PyNaCl can't be used ({error}): pip install 'PyNaCl>=1.5'") from error


class Sealer:
    """The sending end of a stream: data in, whole messages out."""

    __slots__ = ("_sodium", "_state")

    def __init__(self, key: bytes, header: bytes) -> None:
        self._sodium = load_sodium()
        self._state = self._sodium.new_state(key, header)

    def seal(self, data: memoryview) -> bytearray:
        """`data` as messages of 273 bytes, each of up to 255 bytes of it; none if it is empty."""
        ffi, push, state = self._sodium.ffi, self._sodium.push, self._state
        blocks = pad(data)
        count = len(blocks) // BLOCK_SIZE
        messages = bytearray(count * MESSAGE_SIZE)
        source, target, null = ffi.from_buffer(blocks), ffi.from_buffer(messages), ffi.NULL
        for _ in range(count):
            push(state, target, null, source, BLOCK_SIZE, null, 0, _TAG_MESSAGE)
            source += BLOCK_SIZE
            target += MESSAGE_SIZE
        return messages


class Opener:
    """The receiving end of a stream: whole messages in, authenticated data out. Not to be used again after an error."""

    __slots__ = ("_number", "_sodium", "_state", "_tag")

    def __init__(self, key: bytes, header: bytes) -> None:
        self._sodium = load_sodium()
        self._state = self._sodium.new_state(key, header)
        self._tag = self._sodium.ffi.new("unsigned char *")
        self._number = 0

    def open(self, messages: memoryview) -> bytes:
        """The data of `messages`, a whole number of them.

        Raises LegacyAuthenticationError or LegacyPaddingError; then the data before the bad message is dropped too, as
        the stream will be reset anyway.
        """
        ffi, pull, state, tag = self._sodium.ffi, self._sodium.pull, self._state, self._tag
        # Each block is decrypted over the mark of the one before it, so that full blocks need no second copy.
        data = bytearray(len(messages) // MESSAGE_SIZE * MAX_DATA + 1)
        source, target, null = ffi.from_buffer(messages), ffi.from_buffer(data), ffi.NULL
        end = 0
        for _ in range(len(messages) // MESSAGE_SIZE):
            self._number += 1
            if pull(state, target, null, tag, source, MESSAGE_SIZE, null, 0) != 0:
                raise LegacyAuthenticationError(self._describe_failure())
            if tag[0] != _TAG_MESSAGE:
                raise LegacyPaddingError(f"message {self._number} has the tag {tag[0]}, not TAG_MESSAGE")
            size = MAX_DATA if data[end + MAX_DATA] == MARK else data_size(data[end : end + BLOCK_SIZE])
            end += size
            source += MESSAGE_SIZE
            target += size
        return bytes(memoryview(data)[:end])

    def _describe_failure(self) -> str:
        if self._number == 1:
            return "the first message does not verify: the keys differ, or the peer is no legacy wormhole"
        return f"message {self._number} does not verify: it was changed, dropped, repeated or moved on the way"
