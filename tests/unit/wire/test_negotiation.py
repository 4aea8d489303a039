"""Offer and answer: the layout as the specification lists it, and one error for whatever else 64 bytes may say."""

from __future__ import annotations

import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.handshakes import ANSWER, OFFER
from wormhole_tunnel.errors import HandshakeError
from wormhole_tunnel.wire.negotiation import ClientOffer, FramingMode, FramingSpec, HandshakeStatus, ServerAnswer

U8 = st.integers(0, 0xFF)
U32 = st.integers(0, 0xFFFFFFFF)
U64 = st.integers(0, 0xFFFFFFFFFFFFFFFF)
FRAMINGS = st.builds(FramingSpec, st.sampled_from(FramingMode), U32, U32)
INSTANCES = st.binary(min_size=16, max_size=16)
OFFERS = st.builds(ClientOffer, U64, U8, FRAMINGS, FRAMINGS, INSTANCES)
ANSWERS = st.builds(ServerAnswer, U64, st.sampled_from(HandshakeStatus), U8, FRAMINGS, FRAMINGS, INSTANCES)


@given(OFFERS)
def test_an_offer_is_read_as_it_was_packed(offer: ClientOffer) -> None:
    assert ClientOffer.unpack(offer.pack()) == offer


@given(ANSWERS)
def test_an_answer_is_read_as_it_was_packed(answer: ServerAnswer) -> None:
    assert ServerAnswer.unpack(answer.pack()) == answer


def test_fields_of_an_offer_stand_in_the_order_of_the_specification() -> None:
    time, ciphers, rest = struct.pack(">Q", OFFER.unix_ms), b"\x03", bytes(21)
    to_server, to_client = struct.pack(">BII", 0, 1024, 0), struct.pack(">BII", 3, 4096, 50_000)
    assert OFFER.pack() == time + ciphers + to_server + to_client + b"w" * 16 + rest


def test_fields_of_an_answer_stand_in_the_order_of_the_specification() -> None:
    time, status, cipher, rest = struct.pack(">Q", ANSWER.unix_ms), b"\x03", b"\x02", bytes(20)
    to_server, to_client = struct.pack(">BII", 0, 1024, 0), struct.pack(">BII", 3, 4096, 50_000)
    draining = dataclasses.replace(ANSWER, status=HandshakeStatus.DRAINING)
    assert draining.pack() == time + status + cipher + to_server + to_client + b"i" * 16 + rest


@given(st.binary(min_size=64, max_size=64))
def test_any_64_bytes_are_an_offer_that_packs_to_them_or_an_error(payload: bytes) -> None:
    try:
        offer = ClientOffer.unpack(payload)
    except HandshakeError:
        return
    assert offer.pack() == payload


@given(st.binary(min_size=64, max_size=64))
def test_any_64_bytes_are_an_answer_that_packs_to_them_or_an_error(payload: bytes) -> None:
    try:
        answer = ServerAnswer.unpack(payload)
    except HandshakeError:
        return
    assert answer.pack() == payload


@pytest.mark.parametrize("size", [0, 63, 65, 128])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(HandshakeError, match="64 bytes"):
        ClientOffer.unpack(bytes(size))
    with pytest.raises(HandshakeError, match="64 bytes"):
        ServerAnswer.unpack(bytes(size))


@pytest.mark.parametrize("position", range(43, 64))
def test_reserved_bytes_of_an_offer_are_zero(position: int) -> None:
    payload = bytearray(OFFER.pack())
    payload[position] = 1
    with pytest.raises(HandshakeError, match="reserved"):
        ClientOffer.unpack(bytes(payload))


@pytest.mark.parametrize("position", range(44, 64))
def test_reserved_bytes_of_an_answer_are_zero(position: int) -> None:
    payload = bytearray(ANSWER.pack())
    payload[position] = 1
    with pytest.raises(HandshakeError, match="reserved"):
        ServerAnswer.unpack(bytes(payload))


@pytest.mark.parametrize("position", [9, 18])
def test_an_unknown_framing_mode_is_refused(position: int) -> None:
    payload = bytearray(OFFER.pack())
    payload[position] = 4
    with pytest.raises(HandshakeError, match="framing mode that is not known here: 4"):
        ClientOffer.unpack(bytes(payload))


def test_an_unknown_status_is_refused() -> None:
    payload = bytearray(ANSWER.pack())
    payload[8] = 5
    with pytest.raises(HandshakeError, match="status that is not known here: 5"):
        ServerAnswer.unpack(bytes(payload))
