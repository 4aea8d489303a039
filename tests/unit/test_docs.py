"""The documents are true: numbers of the specification, codes of its tables, links, and tests that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from urllib.parse import unquote

import pytest

from wormhole_tunnel import limits
from wormhole_tunnel.config.options import OPTIONS
from wormhole_tunnel.errors import WormholeError
from wormhole_tunnel.proxy.run import FORCED
from wormhole_tunnel.wire.frames import FrameType, ResetCode
from wormhole_tunnel.wire.handshake import FramingMode, HandshakeStatus

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
SOURCE = ROOT / "src" / "wormhole_tunnel"
README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()

UNIT_NAMES = {"KIB", "MIB", "GIB"}
UNITS = {
    "": 1.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "ms": 0.001,
    "s": 1.0,
    "%": 0.01,
    "per second": 1.0,
}


def section(heading: str) -> str:
    """The text of the specification's section with this heading."""
    match = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PROTOCOL, re.MULTILINE | re.DOTALL)
    assert match, heading
    return match[1]


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text: rows of cells, the header first, the rule beneath it left out."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()]
        yield [rows[0], *rows[2:]]


def table(text: str, first_header: str) -> list[list[str]]:
    """The rows of the only table whose first header is this one."""
    [found] = [rows for rows in tables(text) if rows[0][0] == first_header]
    return found[1:]


def quantity(text: str) -> float:
    """A number with its unit, in bytes, seconds or as a fraction."""
    number, _, unit = text.partition(" ")
    return float(number) * UNITS[unit]


def anchor(heading: str) -> str:
    """The fragment by which a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)}


def links(document: Path) -> list[str]:
    """Targets of links and pictures that stay inside the repository."""
    text = document.read_text()
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def test_each_number_of_the_specification_is_the_code_s() -> None:
    specified = {row[0].strip("`"): quantity(row[1]) for row in table(section("Numbers"), "name")}
    constants = {name: value for name, value in vars(limits).items() if name.isupper() and name not in UNIT_NAMES}
    coded = {name: float(value) for name, value in constants.items() if isinstance(value, int | float)}
    assert specified.keys() == coded.keys()
    assert specified == pytest.approx(coded)


def test_every_name_in_capitals_is_in_the_list_of_numbers() -> None:
    named = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", PROTOCOL))
    assert named <= {row[0].strip("`") for row in table(section("Numbers"), "name")}


@pytest.mark.parametrize(
    ("heading", "first_header", "enum"),
    [
        ("Frames", "code", FrameType),
        ("Frames", "reason", ResetCode),
        ("Framing", "mode", FramingMode),
        ("Handshake", "status", HandshakeStatus),
    ],
)
def test_each_table_of_codes_is_the_code_s(heading: str, first_header: str, enum: type[IntEnum]) -> None:
    specified = {int(row[0], 0): row[1].upper().replace(" ", "_") for row in table(section(heading), first_header)}
    coded = {member.value: member.name for member in enum}
    assert specified == coded


@pytest.mark.parametrize(
    ("first_header", "size"),
    [
        ("M1 offset", limits.MESSAGE1_SIZE),
        ("M2 offset", limits.MESSAGE2_SIZE),
        ("M1 payload offset", 64),
        ("M2 payload offset", 64),
    ],
)
def test_the_fields_of_each_handshake_message_adjoin_and_add_up(first_header: str, size: int) -> None:
    end = 0
    for offset, length, _ in table(section("Handshake"), first_header):
        assert int(offset) == end
        end += int(length)
    assert end == size


def test_the_prologue_is_the_code_s() -> None:
    [prologue] = re.findall(r'prologue "([^"]+)"', section("Handshake"))
    assert prologue.encode().decode("unicode_escape").encode() == limits.PROLOGUE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        path, _, fragment = link.partition("#")
        target = (document.parent / unquote(path)).resolve() if path else document
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_test_that_a_document_names_exists(document: Path) -> None:
    for path, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", document.read_text()):
        assert (ROOT / path).exists(), path
        assert not name or re.search(rf"^\s*(async )?def {name}\b", (ROOT / path).read_text(), re.MULTILINE), name


def test_each_exit_code_of_the_guide_is_an_error_s() -> None:
    described = {int(row[0]) for row in table(OPERATIONS, "code")}
    raised = {WormholeError.exit_code, *(error.exit_code for error in WormholeError.__subclasses__())}
    assert described == raised | {0, FORCED}


def test_each_option_of_the_readme_is_the_code_s_with_its_default() -> None:
    options = {option.flags: option.default for option in OPTIONS if not option.is_flag}
    for flags, default, _ in table(README, "option"):
        if default:
            assert options[tuple(re.findall(r"--?[\w-]+", flags))] == default.strip("`"), flags


def test_each_limit_of_the_guide_is_the_code_s() -> None:
    options = {option.flags[-1]: option.default for option in OPTIONS}
    for _, default, flag, _ in table(OPERATIONS, "limit"):
        assert options[flag.strip("`")] == default.strip("`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_option_that_a_document_names_exists(document: Path) -> None:
    known = {flag for option in OPTIONS for flag in option.flags} | {"--help", "--version"}
    commands = {flag for path in SOURCE.glob("cli/**/*.py") for flag in re.findall(r'"(--[\w-]+)"', path.read_text())}
    assert set(re.findall(r"`(--[\w-]+)", document.read_text())) <= known | commands


def test_each_event_of_the_guide_is_logged_somewhere() -> None:
    source = "".join(path.read_text() for path in SOURCE.glob("**/*.py"))
    for events, _, _ in table(OPERATIONS, "event"):
        for event in re.findall(r"`(\w+)`", events):
            assert f'"{event}"' in source or f'"{event.partition("_")[0]}_{{word}}"' in source, event
