"""`wormhole-keygen` as a user meets it: what it writes, what it says, and that it never loses or shows a key."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from wormhole_tunnel import __version__
from wormhole_tunnel.cli.entry import run_command
from wormhole_tunnel.cli.keygen import PROGRAM, command
from wormhole_tunnel.keys.keyfile import load_keyring
from wormhole_tunnel.keys.keyring import Keyring


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


MAIN = "import sys; from wormhole_tunnel.cli.keygen import main; sys.exit(main())"
Keygen = Callable[..., Result]


@pytest.fixture
def keygen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keygen:
    """Run the command in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORMHOLE_KEY_FILE", raising=False)

    def run(*arguments: str) -> Result:
        code = run_command(command, PROGRAM, arguments)
        return Result(code, *capsys.readouterr())

    return run


def ring(path: str = "key.yaml") -> Keyring:
    return load_keyring(Path(path).read_text(), path)


def names(path: str = "key.yaml") -> list[str]:
    return [key.name for key in ring(path)]


# --- a new key ------------------------------------------------------------------------------------------------------------


def test_a_new_key_is_private_and_not_shown(keygen: Keygen) -> None:
    result = keygen()
    assert (result.code, result.out) == (0, "")
    assert "key.yaml holds a new key; only you can read it." in result.err
    assert Path("key.yaml").read_text().removeprefix("key: ").strip() not in result.err
    assert stat.S_IMODE(Path("key.yaml").stat().st_mode) == 0o600
    assert names() == ["default"]


def test_keys_differ(keygen: Keygen) -> None:
    keygen("-k", "a.yaml")
    keygen("-k", "b.yaml")
    assert ring("a.yaml").first.secret != ring("b.yaml").first.secret


def test_an_existing_file_stays(keygen: Keygen) -> None:
    keygen()
    text = Path("key.yaml").read_text()
    result = keygen()
    assert result.code == 7
    assert result.err.startswith("wormhole-keygen: key.yaml exists already; --force replaces it")
    assert result.err.count("\n") == 1
    assert Path("key.yaml").read_text() == text


def test_force_replaces_it(keygen: Keygen) -> None:
    keygen()
    former = ring().first.secret
    assert keygen("--force").code == 0
    assert ring().first.secret != former


def test_legacy_form(keygen: Keygen) -> None:
    assert keygen("--format", "legacy").code == 0
    lines = Path("key.yaml").read_text().splitlines()
    assert (lines[0], len(lines)) == ("---", 33)
    assert bytes(int(line.removeprefix("- ")) for line in lines[1:]) == ring().first.secret


def test_standard_output_carries_the_key_alone(keygen: Keygen) -> None:
    result = keygen("-k", "-")
    assert (result.code, result.err) == (0, "")
    assert len(load_keyring(result.out, "-")) == 1
    assert list(Path().iterdir()) == []


def test_the_environment_names_the_file(keygen: Keygen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORMHOLE_KEY_FILE", "other.yaml")
    keygen()
    assert names("other.yaml") == ["default"]


def test_a_named_key_makes_a_ring(keygen: Keygen) -> None:
    keygen("--name", "alice")
    assert names() == ["alice"]
    assert Path("key.yaml").read_text().startswith("keys:\n")


# --- adding and rotating --------------------------------------------------------------------------------------------------


def test_add_turns_a_key_into_a_ring(keygen: Keygen) -> None:
    keygen("--format", "legacy")
    former = ring().first.secret
    result = keygen("--add", "--name", "alice")
    assert names() == ["default", "alice"]
    assert ring().first.secret == former
    assert "key alice is added" in result.err
    assert "`wormhole-keygen -k new.yaml --from key.yaml --name alice`" in result.err


def test_add_without_a_name_uses_the_date(keygen: Keygen) -> None:
    keygen()
    keygen("--add")
    keygen("--add")
    default, first, second = names()
    assert default == "default"
    assert first[:2] == "20"
    assert second == f"{first}.2"


def test_add_needs_a_file(keygen: Keygen) -> None:
    result = keygen("--add")
    assert result.code == 7
    assert "no such key file" in result.err
    assert list(Path().iterdir()) == []


def test_add_refuses_a_name_that_is_taken(keygen: Keygen) -> None:
    keygen("--name", "alice")
    result = keygen("--add", "--name", "alice")
    assert (result.code, names()) == (7, ["alice"])
    assert "has a key with the name alice" in result.err


def test_add_as_a_filter(keygen: Keygen, tmp_path: Path) -> None:
    made = keygen("-k", "-", "--name", "alice")
    run = subprocess.run(
        [sys.executable, "-c", MAIN, "-k", "-", "--add", "--name", "bob"],
        input=made.out,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    both = load_keyring(run.stdout, "-")
    assert [key.name for key in both] == ["alice", "bob"]
    assert both.first == load_keyring(made.out, "-").first
    assert run.stderr == ""


def test_a_rotation_from_its_first_step_to_its_last(keygen: Keygen) -> None:
    keygen("-k", "server.yaml")
    Path("client.yaml").write_text(Path("server.yaml").read_text())

    first = keygen("-k", "server.yaml", "--rotate", "--name", "new")
    assert names("server.yaml") == ["default", "new"]
    assert "`wormhole-keygen -k new.yaml --from server.yaml --name new`" in first.err
    assert "`wormhole-keygen --rotate --client --from new.yaml`" in first.err

    assert "new.yaml holds that key" in keygen("-k", "new.yaml", "--from", "server.yaml", "--name", "new").err
    assert names("new.yaml") == ["new"]

    last = keygen("-k", "client.yaml", "--rotate", "--client", "--from", "new.yaml")
    assert names("client.yaml") == ["new", "default"]
    assert ring("client.yaml").first == ring("server.yaml").by_name("new")
    assert "now the first" in last.err


def test_from_takes_the_last_key(keygen: Keygen) -> None:
    keygen("-k", "server.yaml", "--name", "old")
    keygen("-k", "server.yaml", "--rotate", "--name", "new")
    keygen("-k", "client.yaml", "--from", "server.yaml")
    assert ring("client.yaml").first.secret == ring("server.yaml").keys[-1].secret


def test_from_names_a_single_key(keygen: Keygen) -> None:
    keygen("-k", "single.yaml")
    keygen("--name", "alice", "--from", "single.yaml")
    assert names() == ["alice"]
    assert ring().first.secret == ring("single.yaml").first.secret


def test_from_avoids_a_name_that_is_taken(keygen: Keygen) -> None:
    keygen("-k", "other.yaml", "--name", "alice")
    keygen("--name", "alice")
    assert keygen("--add", "--from", "other.yaml").code == 0
    assert names()[0] == "alice"
    assert ring().keys[1].secret == ring("other.yaml").first.secret


def test_from_refuses_a_name_that_is_not_there(keygen: Keygen) -> None:
    keygen("-k", "server.yaml", "--name", "a")
    keygen("-k", "server.yaml", "--add", "--name", "b")
    result = keygen("--from", "server.yaml", "--name", "c")
    assert (result.code, result.err) == (7, "wormhole-keygen: server.yaml holds no key with the name c\n")


def test_the_same_key_is_not_added_twice(keygen: Keygen) -> None:
    keygen()
    result = keygen("--add", "--from", "key.yaml")
    assert result.code == 7
    assert "holds this key already, with the name default" in result.err


# --- the command line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--add", "--rotate"], "--add and --rotate exclude each other"),
        (["--client"], "--client goes with --rotate"),
        (["--add", "--client"], "--client goes with --rotate"),
        (["--add", "--force"], "--force is for a new file"),
        (["--rotate", "--force"], "--force is for a new file"),
        (["--format", "legacy", "--name", "a"], "the legacy format holds one key without a name"),
        (["--format", "legacy", "--add"], "the legacy format holds one key without a name"),
        (["--name", "a b"], "--name needs a name of 1 to 32"),
        (["--name", ""], "--name needs a name of 1 to 32"),
        (["--format", "hex"], "'hex' is not one of"),
        (["--what"], "--what"),
        (["key.yaml"], "key.yaml"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_makes_no_file(keygen: Keygen, arguments: list[str], message: str) -> None:
    result = keygen(*arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.startswith("wormhole-keygen: ")
    assert result.err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_a_bad_key_file_is_one_line(keygen: Keygen) -> None:
    Path("key.yaml").write_text("- 1\n- 999\n")
    Path("key.yaml").chmod(0o600)
    result = keygen("--add")
    assert result == Result(7, "", "wormhole-keygen: key.yaml, line 2: expected an integer from 0 to 255\n")


def test_a_key_that_others_can_read_is_warned_of(keygen: Keygen) -> None:
    keygen()
    Path("key.yaml").chmod(0o644)
    assert "`chmod 600 key.yaml` makes it private" in keygen("--add").err


def test_help_shows_examples_and_the_environment_variable(keygen: Keygen) -> None:
    result = keygen("--help")
    assert result.code == 0
    assert "WORMHOLE_KEY_FILE" in result.out
    assert "wormhole-keygen --add --name alice" in result.out


def test_version(keygen: Keygen) -> None:
    assert keygen("--version").out == f"wormhole-keygen {__version__}\n"


def test_nothing_heavy_is_imported() -> None:
    heavy = ["asyncio", "cryptography", "ssl", "uvloop"]
    code = f"import sys, wormhole_tunnel.cli.keygen; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
