from __future__ import annotations

import subprocess
import sys

import click
import pytest

from wormhole_tunnel.cli.entry import INTERNAL_ERROR, INTERRUPTED, UNREAD, run_command
from wormhole_tunnel.errors import ListenError


@pytest.fixture(autouse=True)
def _no_log_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WORMHOLE_LOG", "RUST_LOG"):
        monkeypatch.delenv(variable, raising=False)


def returning(result: object) -> click.Command:
    return click.Command("act", callback=lambda: result)


def raising(error: BaseException) -> click.Command:
    def act() -> None:
        raise error

    return click.Command("act", callback=act)


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_what_the_command_returns(result: object, code: int) -> None:
    assert run_command(returning(result), "act", []) == code


def test_help_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(returning(None), "act", ["--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: act")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ListenError("port taken"), 5, "act: port taken\n"),
        (ListenError("two\nlines \x1b[31m"), 5, "act: two\\nlines \\x1b[31m\n"),
        (click.UsageError("what?"), 2, "act: what? (see act --help)\n"),
        (
            ValueError("broken"),
            INTERNAL_ERROR,
            "act: internal error: ValueError: broken (--log debug shows where)\n",
        ),
        (KeyboardInterrupt(), INTERRUPTED, "\n"),
    ],
)
def test_errors(error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raising(error), "act", []) == code
    assert capsys.readouterr().err == line


def test_a_traceback_at_debug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WORMHOLE_LOG", "debug")
    run_command(raising(ValueError("broken")), "act", [])
    assert "in act" in capsys.readouterr().err


def test_a_bad_log_filter_hides_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WORMHOLE_LOG", "inof")
    assert run_command(raising(ListenError("port taken")), "act", []) == 5
    assert capsys.readouterr().err == "act: port taken\n"


@pytest.mark.parametrize("say", ["click.echo", "sys.stdout.write"])
def test_output_that_nobody_reads_to_the_end_needs_no_words(say: str) -> None:
    code = (
        "import sys, click; from wormhole_tunnel.cli.entry import run_command\n"
        f"act = lambda: [{say}('x' * 1000) for _ in range(1000)] and None\n"
        "sys.exit(run_command(click.Command('act', callback=act), 'act', []))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == UNREAD
