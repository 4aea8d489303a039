"""The README's way to a new key, as it stands there, with connections that go on all the while."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.proxies import COMMANDS, Proxy, make_key
from tests.support.readme import Step, example
from tests.support.servers import Server, connect, echo, exchange, receive


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """What both hosts have: the same key."""
    folders = {"redis": tmp_path / "redis", "gateway": tmp_path / "gateway"}
    for folder in folders.values():
        folder.mkdir()
    shutil.copy(make_key(folders["redis"]), folders["gateway"])
    return folders


def run(step: Step, folders: dict[str, Path]) -> None:
    """Do what a step says, on its host."""
    path = f"{COMMANDS}:{os.environ['PATH']}"
    command = ["sh", "-c", step.line]
    subprocess.run(command, check=True, cwd=folders[step.host], env=os.environ | {"PATH": path}, capture_output=True)


def test_a_new_key_is_noticed_by_nobody(folders: dict[str, Path]) -> None:
    take, split, use, drop = example("rotation")
    with Server(echo) as server, ExitStack() as stack:
        keys = {host: str(folder / "key.yaml") for host, folder in folders.items()}
        far = Proxy(folders["redis"], "far", "-S", "-k", keys["redis"], "-s", f"127.0.0.1:{server.port}")
        stack.enter_context(far)
        near = stack.enter_context(Proxy(folders["gateway"], "near", "-k", keys["gateway"], "-s", far.address))
        client = stack.enter_context(connect(near.port))
        proxies = {"redis": far, "gateway": near}

        def works() -> None:
            client.sendall(b"still here")
            assert receive(client, 10) == b"still here"
            assert exchange(near.port, b"and new") == b"and new"

        follow(take, folders, proxies, works)
        far.wait_for("keys: default (in use by 1), autumn (not used since the start)")
        run(split, folders)
        shutil.copy(folders["redis"] / "autumn.yaml", folders["gateway"])
        follow(use, folders, proxies, works)
        far.wait_for("with key autumn")
        client.close()
        far.wait_for("session ended: closed by the client")
        client = stack.enter_context(connect(near.port))
        reload(far)
        far.wait_for("keys: default (last used ")
        follow(drop, folders, proxies, works)
        far.wait_for("keys: autumn (in use by 1)")
        for proxy in proxies.values():
            assert "lost" not in proxy.log
            assert "Traceback" not in proxy.log


def follow(step: Step, folders: dict[str, Path], proxies: dict[str, Proxy], works: Callable[[], None]) -> None:
    """Do what a step says, reload, and see that it was not noticed."""
    run(step, folders)
    reload(proxies[step.host])
    works()


def reload(proxy: Proxy) -> None:
    """Let a proxy read its key file again, and wait until it has."""
    before = proxy.log.count("read again")
    proxy.signal(signal.SIGHUP)
    proxy.wait_for("read again", before + 1)
