"""Framing: how large a record becomes on the wire, which is what an observer sees (docs/protocol.md, Framing).

A `Framing` answers two questions about one direction of a link: how much payload a record may carry, and how much padding
a payload gets. When a record leaves is the link's business, by `flush_delay` and `interval`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wormhole_tunnel.limits import DEFAULT_QUANTUM, MAX_RECORD_PAYLOAD, MAX_RECORD_WIRE, RECORD_OVERHEAD
from wormhole_tunnel.wire.negotiation import FramingMode, FramingSpec

_MICROSECONDS: Final = 1_000_000
_EXACT: Final = FramingMode.EXACT


@dataclass(frozen=True, slots=True)
class Framing:
    """One direction's framing. `quantum` in bytes, `flush_delay` and `interval` in seconds (0: not used)."""

    mode: FramingMode = FramingMode.PADDED
    quantum: int = DEFAULT_QUANTUM
    flush_delay: float = 0.0
    interval: float = 0.0

    @classmethod
    def of(cls, spec: FramingSpec, flush_delay: float) -> Framing:
        """A direction's framing as the handshake names it; `flush_delay` is the sender's own choice."""
        delay = flush_delay if spec.mode is FramingMode.BUFFERED else 0.0
        return cls(spec.mode, spec.quantum, delay, spec.interval_us / _MICROSECONDS)

    @property
    def max_payload(self) -> int:
        """The largest record payload, in bytes, before padding."""
        if self.mode is FramingMode.EXACT:
            return MAX_RECORD_PAYLOAD
        if self.mode is FramingMode.CONSTANT:
            return self.quantum - RECORD_OVERHEAD
        return MAX_RECORD_WIRE // self.quantum * self.quantum - RECORD_OVERHEAD

    def padded(self, payload: int) -> int:
        """The payload's size in bytes once padding is added, so that the wire size is a multiple of the quantum."""
        if self.mode is _EXACT:
            return payload
        return -(-(payload + RECORD_OVERHEAD) // self.quantum) * self.quantum - RECORD_OVERHEAD
