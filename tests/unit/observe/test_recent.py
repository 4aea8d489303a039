"""The log's last warnings, as the status keeps them."""

from __future__ import annotations

import logging

from wormhole_tunnel.observe.status.recent import ENTRIES_KEPT, RecentWarnings


def record(level: int, message: str, event: str = "an_event") -> logging.LogRecord:
    made = logging.LogRecord("wormhole", level, "", 0, message, None, None)
    made.event = event
    return made


def handled(*records: logging.LogRecord) -> RecentWarnings:
    recent = RecentWarnings()
    for each in records:
        if each.levelno >= recent.level:
            recent.handle(each)
    return recent


def test_warnings_and_errors_are_kept_in_order() -> None:
    recent = handled(record(logging.WARNING, "one"), record(logging.INFO, "no"), record(logging.ERROR, "two", "crash"))
    assert [(entry.level, entry.event, entry.message) for entry in recent.entries()] == [
        ("warn", "an_event", "one"),
        ("error", "crash", "two"),
    ]
    assert recent.counts() == {"warn": 1, "error": 1}


def test_what_repeats_is_counted() -> None:
    recent = handled(*(record(logging.WARNING, text) for text in ("one", "one", "one", "two", "one")))
    assert [(entry.message, entry.count) for entry in recent.entries()] == [("one", 3), ("two", 1), ("one", 1)]
    assert recent.counts()["warn"] == 5


def test_they_are_bounded_in_number_and_length() -> None:
    recent = handled(*(record(logging.WARNING, f"{number} " + "x" * 10_000) for number in range(3 * ENTRIES_KEPT)))
    assert len(recent.entries()) == ENTRIES_KEPT
    assert max(len(entry.message) for entry in recent.entries()) <= 500


def test_a_peer_s_text_can_t_carry_control_characters() -> None:
    [entry] = handled(record(logging.WARNING, "a\x1b[2Jb\nc")).entries()
    assert entry.message.isprintable()
