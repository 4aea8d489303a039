"""Each program of examples/ runs and does what it says."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.proxies import Proxy, free_port
from tests.support.servers import Server
from tests.support.waiting import DEADLINE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(*command: str, code: int = 0) -> str:
    """What a Python program says, which ends with that exit code."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, check=False, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def redis_like(sock: socket.socket) -> None:
    for line in sock.makefile("rb"):
        sock.sendall(b"+PONG\r\n" if line == b"PING\r\n" else b"-ERR unknown command\r\n")


def test_embed() -> None:
    assert run("examples/embed.py") == "hello, world\n"


def test_line_client(tmp_path: Path, key: str) -> None:
    with (
        Server(redis_like) as server,
        Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{server.port}") as far,
    ):
        address = f"127.0.0.1:{far.port}"
        assert run("examples/line_client.py", key, address, "PING", "FLY") == "+PONG\n-ERR unknown command\n"


def test_line_client_says_what_is_wrong(tmp_path: Path, key: str) -> None:
    assert "type 127.0.0.1:6379" in run("examples/line_client.py", key, "127.0.0.1 6379", "PING", code=1)
    with Proxy(tmp_path, "far", "-S", "-k", key, "-s", f"127.0.0.1:{free_port()}") as far:
        refusal = run("examples/line_client.py", key, f"127.0.0.1:{far.port}", "PING", code=1)
        assert refusal == "line_client: the server refused the connection\n"


def test_the_pytest_fixture() -> None:
    assert "1 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/test_with_tunnel.py")


def test_the_guide_names_each_example_and_its_code_parses() -> None:
    guide = (ROOT / "docs" / "python.md").read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f"examples/{example.name}" in guide
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        compile(block, "docs/python.md", "exec")
