"""Real servers as processes of the tests' own: started on free ports of this machine, ended with their context.

A program that is missing is a failure that names its package; tools/ci-packages.txt lists them all.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Final, Self

from tests.support.proxies import free_port
from tests.support.waiting import DEADLINE, wait_until

_MORE_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/postgresql/15/bin", "/opt/homebrew/bin")
_AS_ROOT: Final = os.geteuid() == 0


def program(name: str) -> str:
    """The path of a program. AssertionError when it is not installed: such a test fails, it is not skipped."""
    path = shutil.which(name, path=os.pathsep.join((os.environ["PATH"], *_MORE_FOLDERS)))
    assert path is not None, f"{name} is not installed; tools/ci-packages.txt names the package"
    return path


def run(*command: str | Path, within: float = 60.0, **more: str) -> str:
    """Run a program to its successful end; returns what it wrote. `more` goes to its environment."""
    name, *arguments = map(str, command)
    done = subprocess.run(
        [program(name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=within,
        env=os.environ | more,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{name} ended with {done.returncode}: {done.stdout}\n{done.stderr}"
    return done.stdout


class Service(ABC):
    """A server process that listens on `port` of `host`, or on the Unix socket `path`; its output is a file."""

    user: str | None = None  # whom it runs as, if not as we do

    def __init__(self, folder: Path, host: str = "127.0.0.1", path: Path | None = None) -> None:
        self.folder = folder
        self.host = host
        self.path = path
        self.port = free_port()
        self._output = folder / f"{type(self).__name__.lower()}.log"

    @property
    def address(self) -> str:
        """Where it listens, as a proxy's option `--server` wants it."""
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def prepare(self) -> None:
        """Make the files it needs: none but its folder."""
        self.folder.mkdir(exist_ok=True)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The program and its arguments."""

    def __enter__(self) -> Self:
        self.prepare()
        name, *arguments = self.command()
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [program(name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self.user,
                extra_groups=[] if self.user else None,
                start_new_session=True,
            )
        wait_until(lambda: self._process.poll() is not None or self._listens(), f"{name} to listen")
        assert self._process.poll() is None, self._output.read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(DEADLINE)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def _listens(self) -> bool:
        family = socket.AF_UNIX if self.path is not None else socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as sock:
            return sock.connect_ex(str(self.path) if self.path is not None else (self.host, self.port)) == 0


class Redis(Service):
    """redis-server, which keeps nothing on disk."""

    def command(self) -> Sequence[str]:
        where = ["--bind", self.host, "--port", str(self.port)]
        if self.path is not None:
            where = ["--port", "0", "--unixsocket", str(self.path)]
        return ["redis-server", *where, "--save", "", "--appendonly", "no", "--dir", str(self.folder)]


class Postgres(Service):
    """PostgreSQL with a cluster of its own; it refuses to run as root, so root starts it as user postgres.

    Its Unix socket is always there as well, `socket_folder` says where.
    """

    user = "postgres" if _AS_ROOT else None

    def prepare(self) -> None:
        self.socket_folder = Path(mkdtemp(prefix="postgres"))  # a user other than root can't enter `folder`
        if self.user:
            shutil.chown(self.socket_folder, self.user)
        self._data = self.socket_folder / "data"
        made = subprocess.run(
            [program("initdb"), "-D", self._data, "-U", "postgres", "-A", "trust", "-N", "--no-instructions"],
            user=self.user,
            extra_groups=[] if self.user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr

    def command(self) -> Sequence[str]:
        settings = {"listen_addresses": self.host, "port": self.port, "unix_socket_directories": self.socket_folder}
        quick = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [f"--{name}={value}" for name, value in (settings | quick).items()]
        return ["postgres", "-D", str(self._data), *options]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            shutil.rmtree(self.socket_folder)


class Nginx(Service):
    """nginx, which serves the files of `folder`/files over HTTP."""

    @property
    def files(self) -> Path:
        """What it serves."""
        return self.folder / "files"

    def prepare(self) -> None:
        self.files.mkdir()
        user = "user root;" if _AS_ROOT else ""
        (self.folder / "nginx.conf").write_text(f"""
            {user}
            daemon off;
            worker_processes 1;
            pid {self.folder}/nginx.pid;
            error_log stderr;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                client_body_temp_path {self.folder}/body;
                proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fastcgi;
                uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                keepalive_requests 1000000;
                server {{ listen {self.host}:{self.port}; root {self.files}; }}
            }}""")

    def command(self) -> Sequence[str]:
        return ["nginx", "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]


class Sshd(Service):
    """sshd, into which `identity` may log in as the user who runs the tests; `known_hosts` knows it as `HOST`."""

    HOST: Final = "wormhole-test"

    def prepare(self) -> None:
        if _AS_ROOT:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.identity = self.folder / "identity"
        self.known_hosts = self.folder / "known_hosts"
        host_key = self.folder / "host_key"
        for key in (self.identity, host_key):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        self.known_hosts.write_text(f"{self.HOST} {host_key.with_suffix('.pub').read_text()}")
        self._settings = self.folder / "sshd_config"
        self._settings.write_text(f"""
            ListenAddress {self.host}:{self.port}
            HostKey {host_key}
            AuthorizedKeysFile {self.identity.with_suffix(".pub")}
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            UsePAM no
            StrictModes no
            PermitRootLogin prohibit-password
            PidFile none
            Subsystem sftp internal-sftp
            """)

    def command(self) -> Sequence[str]:
        return ["sshd", "-D", "-e", "-f", str(self._settings)]

    def client_options(self) -> list[str]:
        """Options for ssh and scp that make them talk to this server and touch no file of the user."""
        return [
            *("-F", "none", "-i", str(self.identity)),
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", f"HostKeyAlias={self.HOST}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        ]


class Rsync(Service):
    """An rsync daemon whose module `files` is `folder`/module, to read and to write."""

    @property
    def files(self) -> Path:
        """What the module holds."""
        return self.folder / "module"

    def prepare(self) -> None:
        self.files.mkdir()
        owner = "uid = root\ngid = root\n" if _AS_ROOT else ""
        (self.folder / "rsyncd.conf").write_text(
            f"{owner}use chroot = no\n[files]\npath = {self.files}\nread only = no\n"
        )

    def command(self) -> Sequence[str]:
        configuration = f"--config={self.folder / 'rsyncd.conf'}"
        return ["rsync", "--daemon", "--no-detach", configuration, f"--address={self.host}", f"--port={self.port}"]
