"""Build wheels and sdist reproducibly: twice from the last commit in different places, and once more out of the sdist.

One wheel is for every machine, the other compiled (hatch_build.py) for this kind of machine and this version of Python.
Only files that came out the same, byte for byte, are put into dist/.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILED = {"WORMHOLE_COMPILE": "1"}


def git(*arguments: str) -> bytes:
    """Return what a git command prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def build(source: Path, output: Path, targets: list[str]) -> None:
    """Build `targets` of the tree at `source` into `output`, dated as the last commit."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct").decode().strip()}
    options = [option for target in targets for option in ("--target", target)]
    run_hatchling(["--directory", str(output), *options], source, environment)
    run_hatchling(["--directory", str(output), "--target", "wheel"], source, environment | COMPILED)


def run_hatchling(options: list[str], source: Path, environment: dict[str, str]) -> None:
    """Run the build back end; exit with what it says if it fails."""
    command = [sys.executable, "-m", "hatchling", "build", *options]
    result = subprocess.run(command, cwd=source, env=environment, check=False, capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stdout + result.stderr)


def unpack(archive: Path, target: Path) -> Path:
    """Unpack a tar archive and return the folder that its files are in."""
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    entries = list(target.iterdir())
    return entries[0] if len(entries) == 1 else target


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def build_everything(work: Path) -> Path:
    """Build three times below `work` and return the folder of the first; exit with one line if they differ."""
    archive = work / "commit.tar"
    archive.write_bytes(git("archive", "--prefix=wormhole/", "HEAD"))
    first, second, third = work / "out1", work / "out2", work / "out3"
    build(unpack(archive, work / "a"), first, ["sdist", "wheel"])
    build(unpack(archive, work / "a-longer-name"), second, ["sdist", "wheel"])
    if digests(first) != digests(second):
        sys.exit(f"two builds of one commit differ: {digests(first)} and {digests(second)}")
    build(unpack(next(first.glob("*.tar.gz")), work / "c"), third, ["wheel"])
    if not digests(third).items() <= digests(first).items():
        sys.exit("a wheel built out of the sdist differs from the wheel built out of the commit")
    return first


def main() -> None:
    """Build, compare, and replace dist/."""
    if git("status", "--porcelain"):
        print("uncommitted changes are not in what is built", file=sys.stderr)
    with tempfile.TemporaryDirectory() as work:
        built = build_everything(Path(work))
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        shutil.copytree(built, ROOT / "dist")
    for name, digest in digests(ROOT / "dist").items():
        print(f"{digest}  dist/{name}")


if __name__ == "__main__":
    main()
