"""How a demonstration looks: boxes, colour and a moving bar on a terminal, plain lines into a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Final, TextIO

import click

MARGIN: Final = "   "
_NARROWEST: Final = 60  # columns; a narrower terminal wraps
_WIDEST: Final = 110
_BAR: Final = 30  # columns
_HIDE_CURSOR: Final = "\x1b[?25l"
_SHOW_CURSOR: Final = "\x1b[?25h"
_CLEAR_LINE: Final = "\r\x1b[2K"

_PICTURE: Final = (
    "╭─────────╮      ╭──────────────╮           ╭──────────────╮      ╭────────╮",
    "│ clients ├──────┤ client proxy ╞═══════════╡ server proxy ├──────┤ server │",
    "╰─────────╯ plain╰──────────────╯ encrypted ╰──────────────╯plain ╰────────╯",
)
_PLAIN_PICTURE: Final = "clients --- client proxy === encrypted === server proxy --- server"
_NARROW_PICTURE: Final = "clients -- client proxy == server proxy -- server"


class Display:
    """Writes to standard output. On a terminal that shows UTF-8 it draws; NO_COLOR (https://no-color.org) is heeded."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.draws = self._stream.isatty() and os.environ.get("TERM") != "dumb" and _can_draw(self._stream)
        self._colours = self.draws and not os.environ.get("NO_COLOR")
        columns = shutil.get_terminal_size().columns if self.draws else 80
        self.width = max(_NARROWEST, min(columns - 1, _WIDEST))
        self._sections = 0

    def title(self, name: str, subtitle: str) -> None:
        """The first lines, with a picture of the tunnel."""
        self.line(f"{self.paint(name, bold=True)}  {subtitle}")
        self.line()
        if self.draws and self.width >= len(MARGIN) + len(_PICTURE[0]):
            for row in _PICTURE:
                self.line(f" {self._paint_picture(row)}")
        else:
            self.line(_PLAIN_PICTURE if self.width > len(_PLAIN_PICTURE) else _NARROW_PICTURE)

    def _paint_picture(self, row: str) -> str:
        for word in ("═══════════", "encrypted"):
            row = row.replace(word, self.paint(word, "green"))
        return row.replace("plain", self.paint("plain", "yellow"))

    def section(self, text: str) -> None:
        """The numbered headline of what comes next."""
        self._sections += 1
        self.line()
        self.line(f"{self.paint(f'{self._sections}.', 'cyan', bold=True)} {self.paint(text, bold=True)}")

    def done(self, text: str, note: str = "") -> None:
        """Something that worked."""
        self._marked("✓" if self.draws else "ok:", "green", text, note)

    def broken(self, text: str) -> None:
        """Something that went wrong on purpose."""
        self._marked("✗" if self.draws else "--", "red", text, "")

    def note(self, text: str) -> None:
        """A remark."""
        self._marked(" ", None, "", text)

    def _marked(self, mark: str, colour: str | None, text: str, note: str) -> None:
        """One line if it fits, else the note under the text. Into a pipe a line is as long as it is."""
        indent = MARGIN + " " * (len(mark) + 1)
        head = f"{MARGIN}{self.paint(mark, colour)} "
        if not self.draws or len(indent) + len(text) + 2 + len(note) <= self.width:
            self.line(f"{head}{text}{'  ' if text and note else ''}{self.paint(note, dim=True)}")
            return
        wrapped = textwrap.wrap(text, self.width - len(indent))
        wrapped += [self.paint(line, dim=True) for line in textwrap.wrap(note, self.width - len(indent))]
        self.line(head + wrapped[0])
        for line in wrapped[1:]:
            self.line(indent + line)

    def line(self, text: str = "") -> None:
        """A line as it is."""
        self._write(text + "\n")

    def paint(self, text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
        """`text` in that colour, where there are colours."""
        return click.style(text, fg=colour, bold=bold or None, dim=dim or None) if self._colours and text else text

    def progress(self, fraction: float, text: str, broken: bool = False) -> None:
        """Draw the bar anew in its line; nothing into a pipe."""
        if self.draws:
            full = round(_BAR * min(fraction, 1.0))
            bar = self.paint("━" * full, "red" if broken else "green") + self.paint("━" * (_BAR - full), dim=True)
            if not self._colours:
                bar = "█" * full + "░" * (_BAR - full)
            self._write(f"{_HIDE_CURSOR}{_CLEAR_LINE}{MARGIN}{bar} {text[: self.width - _BAR - len(MARGIN) - 1]}")

    def clear_progress(self) -> None:
        """Take the bar away and show the cursor again."""
        if self.draws:
            self._write(_CLEAR_LINE + _SHOW_CURSOR)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class Table:
    """Rows under headings, drawn as they come. Into a pipe: each cell a line of its own, after its heading."""

    def __init__(self, display: Display, headings: Sequence[str]) -> None:
        self._display = display
        self._headings = headings
        self.cell = (display.width - len(MARGIN) - 1) // len(headings) - 3  # columns for text
        if display.draws:
            self._rule("╭┬╮")
            self._draw([display.paint(_fit(heading, self.cell), bold=True) for heading in headings])
            self._rule("├┼┤")

    def row(self, cells: Sequence[str], notes: Sequence[str], colours: Sequence[str]) -> None:
        """One row, with a note under each cell; a cell is cut to its column."""
        if self._display.draws:
            paint = self._display.paint
            self._draw([paint(_fit(cell, self.cell), colour) for cell, colour in zip(cells, colours, strict=True)])
            self._draw([paint(_fit(note, self.cell), dim=True) for note in notes])
            return
        widest = max(map(len, self._headings))
        for heading, cell, note in zip(self._headings, cells, notes, strict=True):
            self._display.line(f"{MARGIN}{heading:{widest}}  {cell}  ({note})")

    def _draw(self, fitted: Sequence[str]) -> None:
        edge = self._display.paint("│", dim=True)
        self._display.line(f"{MARGIN}{edge} {f' {edge} '.join(fitted)} {edge}")

    def close(self) -> None:
        """The bottom line."""
        if self._display.draws:
            self._rule("╰┴╯")

    def _rule(self, corners: str) -> None:
        rule = corners[1].join(["─" * (self.cell + 2)] * len(self._headings))
        self._display.line(MARGIN + self._display.paint(f"{corners[0]}{rule}{corners[-1]}", dim=True))


def _fit(text: str, width: int) -> str:
    return f"{text:{width}}" if len(text) <= width else f"{text[: width - 1]}…"


def _can_draw(stream: TextIO) -> bool:
    try:
        "╭✓━…".encode(stream.encoding)
    except UnicodeEncodeError:
        return False
    return True
