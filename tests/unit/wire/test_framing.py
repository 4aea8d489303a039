"""Framing: a record's size on the wire depends on the amount of data alone, and never exceeds its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormhole_tunnel.limits import (
    MAX_QUANTUM,
    MAX_RECORD_PAYLOAD,
    MAX_RECORD_WIRE,
    MIN_CONSTANT_QUANTUM,
    MIN_QUANTUM,
    RECORD_OVERHEAD,
)
from wormhole_tunnel.wire.framing import Framing
from wormhole_tunnel.wire.negotiation import FramingMode, FramingSpec

QUANTA = st.integers(MIN_QUANTUM, MAX_QUANTUM)
ROUNDING_MODES = st.sampled_from([FramingMode.PADDED, FramingMode.BUFFERED])


@given(ROUNDING_MODES, QUANTA, st.data())
def test_rounding_modes_give_the_next_multiple_of_the_quantum(
    mode: FramingMode, quantum: int, data: st.DataObject
) -> None:
    framing = Framing(mode, quantum)
    payload = data.draw(st.integers(0, framing.max_payload))
    wire = framing.padded(payload) + RECORD_OVERHEAD
    assert wire % quantum == 0
    assert wire - quantum < payload + RECORD_OVERHEAD <= wire <= MAX_RECORD_WIRE


@given(ROUNDING_MODES, QUANTA)
def test_the_largest_payload_needs_no_padding_and_one_more_byte_does_not_fit(mode: FramingMode, quantum: int) -> None:
    framing = Framing(mode, quantum)
    assert framing.padded(framing.max_payload) == framing.max_payload
    assert framing.padded(framing.max_payload + 1) + RECORD_OVERHEAD > MAX_RECORD_WIRE


@given(st.integers(0, MAX_RECORD_PAYLOAD), QUANTA)
def test_exact_framing_adds_nothing(payload: int, quantum: int) -> None:
    framing = Framing(FramingMode.EXACT, quantum)
    assert framing.max_payload == MAX_RECORD_PAYLOAD
    assert framing.padded(payload) == payload


@given(st.integers(MIN_CONSTANT_QUANTUM, MAX_QUANTUM), st.data())
def test_constant_framing_has_one_size(quantum: int, data: st.DataObject) -> None:
    framing = Framing(FramingMode.CONSTANT, quantum, interval=0.01)
    payload = data.draw(st.integers(0, framing.max_payload))
    assert framing.padded(payload) + RECORD_OVERHEAD == quantum


@pytest.mark.parametrize("mode", FramingMode)
def test_a_direction_s_framing_is_what_the_handshake_says(mode: FramingMode) -> None:
    framing = Framing.of(FramingSpec(mode, 2048, 20_000), flush_delay=0.5)
    flush_delay = 0.5 if mode is FramingMode.BUFFERED else 0.0
    assert framing == Framing(mode, 2048, flush_delay, interval=0.02)
