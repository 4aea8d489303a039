"""`ssh -L` to a private sshd: all connections in one, each with a window of its own."""

from __future__ import annotations

import getpass
import os
import shutil
from pathlib import Path

from benchmarks.peers.base import Commands, Credentials, Peer, Route
from benchmarks.processes import LOOPBACK

_CIPHER = "aes128-gcm@openssh.com"
# sshd refuses to start as root without it; distributions make it in the service's unit.
_PRIVILEGE_SEPARATION = Path("/run/sshd")


def _build(route: Route, _credentials: Credentials, folder: Path) -> Commands:
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    host_key, user_key, config = folder / "host_key", folder / "user_key", folder / "sshd_config"
    config.write_text(
        f"Port {route.link_listen}\nListenAddress {LOOPBACK}\nHostKey {host_key}\nPidFile none\n"
        f"AuthorizedKeysFile {user_key}.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        f"PermitRootLogin prohibit-password\nLogLevel ERROR\nCiphers {_CIPHER}\nUseDNS no\n"
    )
    # sshd insists on an absolute path, for it starts itself anew for each session.
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": folder / "known_hosts",
        "LogLevel": "ERROR",
        "ExitOnForwardFailure": "yes",
        "IdentitiesOnly": "yes",
        "Ciphers": _CIPHER,
    }
    forward = f"{LOOPBACK}:{route.client}:{LOOPBACK}:{route.server}"
    client = ["ssh", "-F", "none", "-N", "-T", "-L", forward, "-p", str(route.link_dial), "-i", str(user_key)]
    client += [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]
    keys = tuple(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)] for key in (host_key, user_key))
    return Commands([sshd, "-D", "-e", "-f", str(config)], [*client, f"{getpass.getuser()}@{LOOPBACK}"], keys)


SSH = Peer(
    name="ssh",
    settings=f"ssh -L, {_CIPHER}, one session for all connections, otherwise as shipped",
    programs={"ssh": "openssh-client", "sshd": "openssh-server"},
    version=["ssh", "-V"],
    descriptors=1,
    build=_build,
)
