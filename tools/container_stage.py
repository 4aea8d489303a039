"""Build the container's image on a Docker engine of its own, and run tests/container against it.

No registry is asked for the base image: debootstrap makes one that has what python:3.13-slim has. Debian, as root; the
packages are in tools/ci-packages.txt. `--rootfs FOLDER` keeps what debootstrap makes there, and uses it the next time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wormhole_tunnel import __version__

ROOT = Path(__file__).resolve().parent.parent
BASE = "python:3.13-slim"
IMAGE = "wormhole"
SUITE = "trixie"  # Debian 13, whose Python is 3.13
MOST_ADDED = 60_000_000  # bytes that the image may have more than its base
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
ENGINE_START = 30.0  # seconds
ENGINE_END = 60.0


def require(*programs: str) -> None:
    """Exit with one line for whatever is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; tools/ci-packages.txt names the packages")
    if os.geteuid() != 0:
        sys.exit("this needs root: it starts a Docker engine of its own")


@contextmanager
def engine(folder: Path) -> Iterator[None]:
    """A Docker engine within `folder`, on a socket of its own, which DOCKER_HOST names; it makes no network."""
    socket, log = folder / "docker.sock", folder / "dockerd.log"
    options = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=overlay2"]
    places = [f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/docker.pid"]
    os.environ |= {"DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0"}
    with log.open("w") as output:
        process = subprocess.Popen(["dockerd", *options, *places, "-H", f"unix://{socket}"], stderr=output)
    try:
        end = time.monotonic() + ENGINE_START
        while subprocess.run(["docker", "version"], check=False, capture_output=True).returncode:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"the Docker engine does not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(ENGINE_END)
        unmount_below(folder)


def unmount_below(folder: Path) -> None:
    """Unmount what the engine leaves mounted, which is a network namespace."""
    mounts = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    for mount in [each for each in mounts if Path(each).is_relative_to(folder)]:
        subprocess.run(["umount", mount], check=True)


def make_rootfs(rootfs: Path) -> None:
    """A small Debian with Python and its headers, as in that image, which trusts whom this machine trusts."""
    include = "--include=python3,python3-venv,libpython3-dev,ca-certificates"
    command = ["debootstrap", "--variant=minbase", include, SUITE, str(rootfs)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, rootfs / CERTIFICATES.relative_to("/"))
    for leftover in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(rootfs / leftover)


def import_base(rootfs: Path) -> None:
    """Make it the engine's base image."""
    with subprocess.Popen(["tar", "-C", str(rootfs), "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["docker", "import", "-", BASE], stdin=tar.stdout, check=True, stdout=subprocess.DEVNULL)
    if tar.returncode:
        sys.exit("tar could not pack the base image")


def git(*arguments: str) -> str:
    """What a git command prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def build() -> None:
    """Build the image as a user would, dated as the last commit."""
    arguments = {
        "SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct"),
        "REVISION": git("rev-parse", "HEAD"),
        "VERSION": __version__,
    }
    arguments |= {name: os.environ[name] for name in PROXY_VARIABLES if name in os.environ}
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    command = ["docker", "build", "--pull=false", "--network", "host", "--tag", IMAGE, *given, str(ROOT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the image can't be built:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def check_size() -> None:
    """Print the image's size, and exit where it is too much."""
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", IMAGE, BASE]
    image, base = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    added = image - base
    print(f"image: {image / 1e6:.1f} MB, of which {added / 1e6:.1f} MB are on top of the base", flush=True)
    if added > MOST_ADDED:
        sys.exit(f"more than the {MOST_ADDED / 1e6:.0f} MB that it may have on top of its base")


def main() -> int:
    """Base, image, size, tests; returns what pytest returns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rootfs", type=Path, help="keep the base's files here, or use those that are here")
    parser.add_argument("pytest", nargs="*", help="options for pytest")
    options = parser.parse_args()
    require("debootstrap", "docker", "dockerd", "redis-server", "redis-cli")
    with tempfile.TemporaryDirectory(prefix="wormhole-container-") as work:
        rootfs = options.rootfs or Path(work) / "rootfs"
        if not rootfs.exists():
            make_rootfs(rootfs)
        with engine(Path(work)):
            import_base(rootfs)
            build()
            check_size()
            command = [sys.executable, "-m", "pytest", "tests/container", *options.pytest]
            return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
