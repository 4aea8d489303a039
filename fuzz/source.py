"""Choices out of a fuzzer's bytes."""

from __future__ import annotations


class Source:
    """Reads from the front; what is asked for beyond the end is zero, so that every input means something."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def exhausted(self) -> bool:
        """Whether every byte was used."""
        return self._position >= len(self._data)

    def take(self, size: int) -> bytes:
        """The next `size` bytes, or as many as there are."""
        taken = self._data[self._position : self._position + size]
        self._position += size
        return taken

    def integer(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size).ljust(size, b"\0"))

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound` - 1, for a bound of up to 256."""
        return self.integer(1) % bound

    def piece(self) -> bytes:
        """Up to 255 bytes, as many as the next byte says."""
        return self.take(self.integer(1))

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data))

    def changed(self, original: bytes) -> bytes:
        """`original` with some bytes changed, and with a part cut off or added at its end."""
        result = bytearray(original)
        for _ in range(self.below(4)):
            result[self.integer(2) % len(result)] ^= self.integer(1)
        end = self.below(4)
        if end == 1:
            del result[self.integer(2) % len(result) :]
        elif end == 2:
            result += self.piece()
        return bytes(result)
