"""How the demonstration looks: within any width, with and without colours, and plain into a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from wormhole_tunnel.cli.demo.display import Display, Table

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "what is said here takes more columns than any terminal of the old days had, and goes on for a while"


def show_everything(display: Display) -> None:
    display.title("wormhole 1.0", "a whole tunnel on this machine")
    display.section("The first")
    display.done("short", "and a note")
    display.done(LONG, LONG)
    display.broken(LONG)
    display.note(LONG)
    table = Table(display, ("a client sent", "this crossed the link", "the server got"))
    table.row((LONG, "00 01", LONG), ("1 byte", "2 bytes", "3 bytes"), ("yellow", "green", "yellow"))
    table.close()
    display.progress(0.5, LONG)
    display.progress(1.5, "more than all", broken=True)
    display.clear_progress()


def read_to_the_end(terminal: int) -> bytes:
    """Until the other end is closed, which Linux tells by an error."""
    written = b""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 4096):
            written += data
    os.close(terminal)
    return written


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """Shows everything on a terminal of that many columns; what was written."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def show(columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with ThreadPoolExecutor() as reader:
            written = reader.submit(read_to_the_end, ours)
            with os.fdopen(theirs, "w", encoding="utf-8") as writing:
                show_everything(Display(writing))
            return written.result().decode()

    return show


@pytest.mark.parametrize("columns", [61, 80, 120, 300])
def test_every_line_fits_the_terminal(terminal: Callable[[int], str], columns: int) -> None:
    written = terminal(columns)
    assert COLOUR.search(written)
    lines = ESCAPE.sub("", written).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert max(map(len, lines)) < columns
    assert any("╭" in line for line in lines)


def test_no_color_leaves_the_boxes(terminal: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    written = terminal(80)
    assert not COLOUR.search(written)
    assert "╭" in written
    assert "█" in written


def test_a_dumb_terminal_gets_plain_lines(terminal: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    written = terminal(80)
    assert "\x1b" not in written
    assert written.isascii()


def test_a_pipe_gets_each_statement_as_one_plain_line() -> None:
    pipe = io.StringIO()
    show_everything(Display(pipe))
    lines = pipe.getvalue().splitlines()
    assert pipe.getvalue().isascii()
    assert f"   ok: {LONG}  {LONG}" in lines
    assert "   this crossed the link  00 01  (2 bytes)" in lines


def test_a_terminal_of_another_encoding_gets_ascii() -> None:
    class Latin(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    stream = Latin(io.BytesIO(), encoding="latin-1")
    assert not Display(stream).draws
