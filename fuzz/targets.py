"""All targets by name. Each takes the fuzzer's bytes, and raises when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fuzz import parsers
from fuzz.session import session

TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "session": session,
    "frames": parsers.record_frames,
    "records": parsers.records,
    "message1": parsers.message1,
    "message2": parsers.message2,
    "payloads": parsers.payloads,
    "answers": parsers.answers,
    "key_file": parsers.key_file,
    "addresses": parsers.addresses,
    "log_filter": parsers.log_filter,
    "legacy_link": parsers.legacy_link,
}
CORPUS: Final = Path(__file__).parent / "corpus"
