from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from wormhole_tunnel.errors import UsageError
from wormhole_tunnel.observe.log_limit import BURST
from wormhole_tunnel.observe.log_writer import LogWriter
from wormhole_tunnel.observe.logs import TRACE, LogFormat, get_logger, log_event, setup

NET = get_logger("wormhole.net")


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    with (tmp_path / "log").open("w+", encoding="utf-8") as file:
        yield file


def lines(stream: TextIO) -> list[str]:
    stream.seek(0)
    return stream.read().splitlines()


def messages(stream: TextIO) -> list[str]:
    return [json.loads(line)["message"] for line in lines(stream)]


def log_all() -> None:
    for level in (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, TRACE):
        for name in ("wormhole", "wormhole.net", "asyncio"):
            log_event(get_logger(name), level, "event", f"{name} {level}")


def test_what_the_filter_lets_through_is_written_and_nothing_else(stream: TextIO) -> None:
    with setup("error,wormhole.net=debug", LogFormat.JSON, stream):
        log_all()
    assert messages(stream) == [
        "wormhole 40",
        "wormhole.net 40",
        "asyncio 40",
        "wormhole.net 30",
        "wormhole.net 20",
        "wormhole.net 10",
    ]


def test_an_expression_chooses_messages(stream: TextIO) -> None:
    with setup("trace/net", LogFormat.JSON, stream):
        log_all()
    assert len(messages(stream)) == 5


def test_off_is_silent(stream: TextIO) -> None:
    with setup("off", LogFormat.TEXT, stream):
        log_all()
        logging.getLogger("wormhole").critical("even this")
    assert lines(stream) == []


def test_levels_are_restored(stream: TextIO) -> None:
    before = logging.getLogger().level
    with setup("off,wormhole=trace", LogFormat.TEXT, stream):
        assert NET.isEnabledFor(TRACE)
    assert logging.getLogger().level == before
    assert not NET.isEnabledFor(TRACE)


def test_a_bad_filter_changes_nothing(stream: TextIO) -> None:
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(UsageError):
        setup("nonsense", LogFormat.TEXT, stream)
    assert logging.getLogger().handlers == handlers


def test_a_message_is_no_format_string(stream: TextIO) -> None:
    with setup("info", LogFormat.JSON, stream):
        log_event(NET, logging.INFO, "event", "100%s %d")
    assert messages(stream) == ["100%s %d"]


def test_a_traceback_only_at_debug(stream: TextIO) -> None:
    for level in ("info", "debug"):
        with setup(level, LogFormat.TEXT, stream):
            log_event(NET, logging.ERROR, "crash", f"at {level}", error=ValueError("broken"))
    assert [line for line in lines(stream) if "at info" in line or "at debug" in line or "broken" in line][2:] == [
        "    ValueError: broken"
    ]


def test_repeated_warnings_are_counted_instead(stream: TextIO) -> None:
    with setup("info", LogFormat.JSON, stream):
        for number in range(BURST + 7):
            log_event(NET, logging.WARNING, "refused", f"refused {number}")
            log_event(NET, logging.INFO, "fine", f"fine {number}")
        log_event(NET, logging.WARNING, "other", "other")
    entries = [json.loads(line) for line in lines(stream)]
    assert sum(entry["event"] == "refused" for entry in entries) == BURST
    assert sum(entry["event"] == "fine" for entry in entries) == BURST + 7
    assert sum(entry["event"] == "other" for entry in entries) == 1
    (repeated,) = (entry for entry in entries if entry["event"] == "log_repeated")
    assert (repeated["logger"], repeated["repeated"], repeated["count"]) == ("wormhole.net", "refused", 7)


def test_a_value_that_can_not_be_shown_stops_nothing(stream: TextIO) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise ValueError("no text")

    with setup("info", LogFormat.TEXT, stream):
        log_event(NET, logging.INFO, "event", "first", value=Unprintable())
        log_event(NET, logging.INFO, "event", "second")
    assert "ValueError('no text')" in lines(stream)[0]
    assert lines(stream)[1].endswith("second")


class BlockedPipe:
    """A pipe that nobody reads until `read` is called."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def read(self) -> Iterator[str]:
        """Each line, until the other end is closed."""
        with os.fdopen(self.read_end, encoding="utf-8") as file:
            yield from file

    def close(self) -> None:
        os.close(self.write_end)


def plain(record: logging.LogRecord) -> str:
    return record.getMessage()


def emit(writer: LogWriter, message: str) -> None:
    writer.handle(logging.LogRecord("wormhole", logging.INFO, "", 0, message, None, None))


def test_a_blocked_reader_stops_nobody_and_is_told_what_it_missed() -> None:
    pipe = BlockedPipe()
    writer = LogWriter(pipe.write_end, plain, max_lines=100)
    sent = 10_000
    for number in range(sent):
        emit(writer, f"line {number:05} {'x' * 100}")
    received: list[str] = []
    reading = threading.Thread(target=lambda: received.extend(pipe.read()))
    reading.start()
    writer.close(time_limit=60)
    pipe.close()
    reading.join()
    notes = [line.split() for line in received if not line.startswith("line")]
    assert [" ".join(note[1:]) for note in notes] == [
        "log lines were dropped while standard error was blocked" for _ in notes
    ]
    assert sum(int(note[0]) for note in notes) + len(received) - len(notes) == sent
    assert sum(int(note[0]) for note in notes) > sent // 2


def test_the_end_is_not_held_up_by_a_blocked_reader() -> None:
    code = (
        "import logging, sys\n"
        "from wormhole_tunnel.observe.logs import LogFormat, get_logger, setup\n"
        "with setup('info', LogFormat.TEXT, sys.stderr):\n"
        "    for number in range(20_000):\n"
        "        get_logger().info('line %d', number)\n"
        "print('ended')\n"
    )
    read_end, write_end = os.pipe()
    done = subprocess.run([sys.executable, "-c", code], stderr=write_end, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"ended\n"
    os.close(write_end)
    os.close(read_end)


def test_a_reader_that_has_gone_stops_nobody() -> None:
    pipe = BlockedPipe()
    os.close(pipe.read_end)
    writer = LogWriter(pipe.write_end, plain)
    emit(writer, "lost")
    writer.close()
    os.close(pipe.write_end)


def test_a_non_blocking_descriptor_is_waited_for() -> None:
    pipe = BlockedPipe()
    fcntl.fcntl(pipe.write_end, fcntl.F_SETFL, os.O_NONBLOCK)
    writer = LogWriter(pipe.write_end, plain)
    for number in range(2000):
        emit(writer, f"{number:05} {'x' * 200}")
    received: list[str] = []
    reading = threading.Thread(target=lambda: received.extend(pipe.read()))
    reading.start()
    writer.close(time_limit=60)
    pipe.close()
    reading.join()
    assert [int(line.split()[0]) for line in received] == list(range(2000))


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_only_on_a_terminal_that_wants_them(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, terminal = pty.openpty()
    with contextlib.closing(os.fdopen(terminal, "w")) as stream:
        with setup("info", LogFormat.TEXT, stream):
            log_event(NET, logging.INFO, "event", "hello")
        assert ("\x1b[" in os.read(ours, 4096).decode()) is coloured
    os.close(ours)


def test_no_colours_in_a_file(stream: TextIO) -> None:
    with setup("info", LogFormat.TEXT, stream):
        log_event(NET, logging.INFO, "event", "hello")
    assert "\x1b" not in lines(stream)[0]


def test_without_setup_nothing_is_written() -> None:
    code = "from wormhole_tunnel.observe.logs import get_logger; get_logger('wormhole.net').error('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b""
