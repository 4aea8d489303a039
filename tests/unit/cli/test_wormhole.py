"""The command `wormhole` as a process, as far as it goes without a tunnel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.compiled import VERSION
from wormhole_tunnel.cli.group import SUBCOMMANDS
from wormhole_tunnel.config.options import OPTIONS

HEAVY = ("asyncio", "cryptography", "uvloop", "yaml", "logging", "wormhole_tunnel.proxy")


@pytest.fixture
def wormhole() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command with arguments and, by keyword, environment variables."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if "WORMHOLE" not in name and name != "RUST_LOG"}
        code = "import sys; from wormhole_tunnel.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=clean | environ, check=False)

    return run


Wormhole = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("columns", [80, 100])
def test_help_fits_and_has_every_option(wormhole: Wormhole, columns: int) -> None:
    done = wormhole("--help", COLUMNS=str(columns))
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= columns
    for option in OPTIONS:
        assert all(flag in done.stdout for flag in option.flags)
    for command in SUBCOMMANDS:
        assert f"  {command.name} " in done.stdout
    assert "wormhole -S -c 0.0.0.0:26379 -s 127.0.0.1:6379" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys; from wormhole_tunnel.cli.main import command; print(*set(sys.modules) & set({HEAVY}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_version(wormhole: Wormhole) -> None:
    assert wormhole("--version").stdout == f"wormhole {VERSION}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--colour"], 2, "No such option '--colour'"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["-c"], 2, "Option '-c' requires an argument"),
        (["--framing", "loud"], 2, "--framing: 'loud' is not allowed: use padded, buffered, exact or constant"),
        (
            ["-c", "0.0.0.0", "26379"],
            4,
            "-c/--client: '0.0.0.0 26379' has a space where the colon belongs: type 0.0.0.0:26379",
        ),
        (["-S", "-s", "::1", "80", "-c", ":1"], 2, "No such command '80'"),
        (["-c", "0.0.0.0 26379"], 4, "-c/--client: '0.0.0.0 26379' has a space where the colon belongs"),
        (["-s", "a:1", "-s", "a:1"], 4, "-s/--server: the address 'a:1' stands twice"),
        (["-S", "demo"], 2, "--server-proxy is the proxy's: leave it out, or type it after demo"),
        (["--log", "inof"], 2, "--log: log filter: 'inof' is not understood"),
        (["-k", "no\n\x1b[31mkey"], 7, "no\\n\\x1b[31mkey"),
    ],
)
def test_an_error_is_one_line_and_has_its_exit_code(
    wormhole: Wormhole, arguments: list[str], code: int, line: str
) -> None:
    done = wormhole(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("wormhole: ")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--log", "debug"], {}),
        (["--log=wormhole=trace"], {}),
        ([], {"WORMHOLE_LOG": "debug"}),
        ([], {"RUST_LOG": "trace"}),
    ],
)
def test_the_traceback_is_shown_at_debug(wormhole: Wormhole, arguments: list[str], environ: dict[str, str]) -> None:
    done = wormhole(*arguments, "--framing", "loud", **environ)
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1].startswith("wormhole: --framing")


def test_an_option_from_the_environment(wormhole: Wormhole) -> None:
    done = wormhole(WORMHOLE_MESSAGE_SIZE="1")
    assert done.stderr.startswith("wormhole: WORMHOLE_MESSAGE_SIZE: '1' is not allowed")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("--framing", "p"), ["padded"]),
        (("--max-m",), ["--max-memory"]),
        (("co",), ["completion"]),
        (("completion", "z"), ["zsh"]),
        (("--key-file", "ke"), ["ke"]),
    ],
)
def test_completion(wormhole: Wormhole, typed: tuple[str, ...], offered: list[str]) -> None:
    words = " ".join(("wormhole", *typed))
    done = wormhole(_WORMHOLE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(typed)))
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(wormhole: Wormhole, shell: str) -> None:
    done = wormhole("completion", shell)
    assert done.returncode == 0
    assert f"_WORMHOLE_COMPLETE={shell}_complete" in done.stdout
