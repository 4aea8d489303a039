"""What is in the image, and what is not."""

from __future__ import annotations

import pytest

from tests.container.docker import BASE, IMAGE, docker, inspect, once
from wormhole_tunnel import __version__

CHECK_BYTECODE = """
import pathlib, sys
files = list(pathlib.Path("/opt/wormhole").rglob("*"))
bytecode = [file.read_bytes()[4:8] for file in files if file.suffix == ".pyc"]
dates = {int(file.lstat().st_mtime) for file in files}
print(len(bytecode) > 100, {each.hex() for each in bytecode}, len(dates))
"""


def test_it_runs_as_nobody_in_particular_and_checks_its_health() -> None:
    config = inspect(IMAGE)["Config"]
    assert config["User"] == "1000:1000"
    assert config["Healthcheck"]["Test"][-1] == "health"
    assert config["Entrypoint"][0] == "/opt/wormhole/bin/python"


@pytest.mark.parametrize("label", ["title", "description", "licenses", "version", "revision"])
def test_it_has_the_labels_of_oci(label: str) -> None:
    assert inspect(IMAGE)["Config"]["Labels"][f"org.opencontainers.image.{label}"]


def test_its_label_tells_the_version() -> None:
    assert inspect(IMAGE)["Config"]["Labels"]["org.opencontainers.image.version"] == __version__


def test_only_the_installation_is_added_to_the_base() -> None:
    layers = inspect(IMAGE)["RootFS"]["Layers"]
    assert layers[:-1] == inspect(BASE)["RootFS"]["Layers"]


def test_it_has_no_compiler_and_no_cache() -> None:
    programs = "for each in cc gcc as ld strip make; do command -v $each; done"
    assert once("--", "sh", "-c", programs).stdout == ""
    folders = "ls -A /opt ~/.cache /.cache /wheel /source 2>/dev/null"
    assert once("--user", "0", "--", "sh", "-c", folders).stdout.split() == ["/opt:", "wormhole"]
    assert once("--", "sh", "-c", "ls /opt/wormhole/bin").stdout.split().count("pip") == 0


def test_dates_and_bytecode_depend_on_nothing_but_the_source() -> None:
    done = once("--", "python", "-c", CHECK_BYTECODE)
    assert done.stdout.split() == ["True", "{'01000000'}", "1"], done.stderr


def test_help_is_what_it_says_without_a_command() -> None:
    assert "CONNECT_ADDR" in once().stdout
    assert once("--", "help").stdout == once().stdout


def test_any_other_command_is_executed_as_it_is() -> None:
    assert once("--", "wormhole", "--version").stdout == f"wormhole {__version__} (compiled)\n"
    done = once("--", "sh", "-c", "echo $0 $$; exit 5", "name")
    assert (done.returncode, done.stdout) == (5, "name 1\n")
    assert docker("run", "--rm", "--network", "host", IMAGE, "no-such-command").returncode == 127
