"""Write requirements/*.txt: every dependency with its version and hashes, for Python 3.11 and newer on Linux and macOS.

The files name no registry: whichever one pip is set up with serves them, and the hashes vouch for what it serves.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# File name, and what of pyproject.toml goes into it.
LOCKS: dict[str, list[str]] = {
    "core": ["pyproject.toml"],
    "all": ["pyproject.toml", "--all-extras"],
    "dev": ["pyproject.toml", "--all-extras", "--group", "dev"],
    "build": ["--group", "build", "--constraint", "requirements/dev.txt"],
    "fuzz": ["--group", "fuzz"],
    "mutation": ["--group", "mutation", "--constraint", "requirements/dev.txt"],  # goes into the same environment
    "lock": ["--group", "lock"],
}
COMPILE = [
    str(Path(sys.executable).parent / "uv"),
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
    "--upgrade",
]


def write_lock(name: str, sources: list[str]) -> None:
    """Resolve one lock and put it in place only if that worked."""
    output = ROOT / "requirements" / f"{name}.txt"
    command = [*COMPILE, *sources, "--output-file", str(output)]
    subprocess.run(command, cwd=ROOT, check=True)
    packages = sum(line[0].isalnum() for line in output.read_text().splitlines())
    print(f"{output.relative_to(ROOT)}: {packages} packages")


def main() -> None:
    """Write every lock."""
    for name, sources in LOCKS.items():
        write_lock(name, sources)


if __name__ == "__main__":
    main()
