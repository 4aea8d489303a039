"""Write tests/vectors/handshake.json: whole handshakes with fixed keys, for other implementations and against drift.

Run as `python -m tools.make_vectors`, and only when the protocol itself changes: the server's encapsulation is random, so
each run gives other second messages. Nothing is written that the tests' independent decoder does not confirm.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.support.seeded import SeededKeys
from tests.unit.wire.independent import Decoded, decode
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.wire.handshake import ClientHandshake, Established, ServerHandshake
from wormhole_tunnel.wire.negotiation import ClientOffer, FramingMode, FramingSpec, HandshakeStatus, ServerAnswer

OUTPUT: Final = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "handshake.json"
ABOUT: Final = (
    "Handshakes of protocol 1 (docs/protocol.md). Bytes in hexadecimal; framing as mode, quantum in bytes, interval in "
    "microseconds. `kem_ciphertext` is what message 2 seals, since encapsulation takes no seed."
)

KEY: Final = Key("vector", bytes(range(32)))
CLIENT_KEYS: Final = SeededKeys(bytes(range(0x20, 0x40)), bytes(range(0x40, 0x80)))
SERVER_KEYS: Final = SeededKeys(bytes(range(0x80, 0xA0)))
INSTANCE: Final = bytes(range(0xA0, 0xB0))
UNIX_MS: Final = 1_800_000_000_000  # in January 2027

PADDED: Final = FramingSpec(FramingMode.PADDED, 1024)
EXACT: Final = FramingSpec(FramingMode.EXACT, 1024)
CONSTANT: Final = FramingSpec(FramingMode.CONSTANT, 4096, 50_000)

CASES: Final = {
    "padded, AES-256-GCM": (
        ClientOffer(UNIX_MS, 3, PADDED, PADDED),
        ServerAnswer(UNIX_MS + 1, HandshakeStatus.OK, 1, PADDED, PADDED, INSTANCE),
    ),
    "constant and exact, ChaCha20-Poly1305, a known instance": (
        ClientOffer(UNIX_MS, 2, CONSTANT, EXACT, INSTANCE),
        ServerAnswer(UNIX_MS + 70_000, HandshakeStatus.OK, 2, CONSTANT, EXACT, INSTANCE),
    ),
    "refused for its clock": (
        ClientOffer(1, 3, PADDED, PADDED),
        ServerAnswer(UNIX_MS, HandshakeStatus.CLOCK, 1, PADDED, PADDED, INSTANCE),
    ),
}


def make_case(name: str, offer: ClientOffer, answer: ServerAnswer) -> dict[str, Any]:
    """Return one handshake as a JSON object. AssertionError when the independent decoder sees it otherwise."""
    message1 = ClientHandshake(KEY, offer, CLIENT_KEYS).message1
    server = ServerHandshake(Keyring((KEY,)))
    server.read_message1(message1)
    message2, established = server.respond(answer, SERVER_KEYS)
    decoded = decode(KEY.secret, CLIENT_KEYS.x25519_private, CLIENT_KEYS.mlkem_seed, message1, message2)
    secrets = secrets_of(established)
    assert secrets == secrets_of_decoded(decoded)
    return {
        "name": name,
        "key": KEY.secret.hex(),
        "psk": KEY.psk.hex(),
        "hint_key": KEY.hint_key.hex(),
        "client_x25519_private": CLIENT_KEYS.x25519_private.hex(),
        "client_mlkem_seed": CLIENT_KEYS.mlkem_seed.hex(),
        "server_x25519_private": SERVER_KEYS.x25519_private.hex(),
        "offer": {
            "unix_ms": offer.unix_ms,
            "ciphers": offer.ciphers,
            "to_server": numbers(offer.to_server),
            "to_client": numbers(offer.to_client),
            "wanted_instance": offer.wanted_instance.hex(),
        },
        "answer": {
            "unix_ms": answer.unix_ms,
            "status": answer.status,
            "cipher": answer.cipher,
            "to_server": numbers(answer.to_server),
            "to_client": numbers(answer.to_client),
            "instance": answer.instance.hex(),
        },
        "message1": message1.hex(),
        "message2": message2.hex(),
        "kem_ciphertext": decoded.kem_ciphertext.hex(),
        "secrets": secrets,
    }


def numbers(framing: FramingSpec) -> list[int]:
    """Return mode, quantum and interval."""
    return [framing.mode, framing.quantum, framing.interval_us]


def secrets_of(server: Established) -> dict[str, str]:
    """Return what the server's side of a handshake leaves."""
    return {
        "transcript": server.transcript.hex(),
        "client_to_server": server.receive_secret.hex(),
        "server_to_client": server.send_secret.hex(),
        "session_id": server.session_id.hex(),
        "resume_key": server.resume_key.hex(),
    }


def secrets_of_decoded(decoded: Decoded) -> dict[str, str]:
    """Return the same from the independent decoder."""
    return {
        "transcript": decoded.transcript.hex(),
        "client_to_server": decoded.client_to_server.hex(),
        "server_to_client": decoded.server_to_client.hex(),
        "session_id": decoded.session_id.hex(),
        "resume_key": decoded.resume_key.hex(),
    }


def main() -> None:
    """Write the file."""
    cases = [make_case(name, offer, answer) for name, (offer, answer) in CASES.items()]
    OUTPUT.write_text(json.dumps({"about": ABOUT, "handshakes": cases}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
