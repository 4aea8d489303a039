"""The command `wormhole-keygen`: makes a key file, adds a key to one, or takes the first step of a rotation.

Standard output carries nothing but a key file's text (`-k -`); whatever is said to the user goes to standard error.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import click

from wormhole_tunnel import __version__
from wormhole_tunnel.cli.entry import run_command
from wormhole_tunnel.config.keysource import STANDARD_STREAM, read_keyring
from wormhole_tunnel.config.keystore import create_key_file, replace_key_file, rewrite_key_file
from wormhole_tunnel.errors import KeyFileError, UsageError
from wormhole_tunnel.keys.keyfile import dump_key, dump_keyring, dump_legacy_key
from wormhole_tunnel.keys.keyring import DEFAULT_NAME, NAME_RULE, SECRET_SIZE, Key, Keyring, is_key_name
from wormhole_tunnel.limits import MAX_KEYS

PROGRAM: Final = "wormhole-keygen"

_EXAMPLES: Final = """\b
Examples:
  wormhole-keygen                              a new key in key.yaml
  wormhole-keygen -k - | ssh host 'umask 077; cat > key.yaml'
  wormhole-keygen --add --name alice           a second key, for one client
  wormhole-keygen -k alice.yaml --from key.yaml --name alice
                                               that client's own key file
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    key_file: str
    force: bool
    legacy: bool
    name: str | None
    add: bool
    rotate: bool
    client: bool
    source: str | None

    def check(self) -> None:
        """UsageError for options that contradict each other."""
        extends = self.add or self.rotate
        if self.name is not None and not is_key_name(self.name):
            raise UsageError(f"--name needs {NAME_RULE}")
        if self.add and self.rotate:
            raise UsageError("--add and --rotate exclude each other")
        if self.client and not self.rotate:
            raise UsageError("--client goes with --rotate")
        if self.force and extends:
            raise UsageError("--force is for a new file; --add and --rotate keep the keys of the old one")
        if self.legacy and (extends or self.name is not None):
            raise UsageError("the legacy format holds one key without a name")


@click.command(PROGRAM, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-k",
    "--key-file",
    default="key.yaml",
    envvar="WORMHOLE_KEY_FILE",
    show_default=True,
    show_envvar=True,
    help="The key file; `-` is standard output (and input, with --add or --rotate).",
)
@click.option("--force", is_flag=True, help="Replace a key file that exists.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["base64", "legacy"]),
    default="base64",
    show_default=True,
    help="`legacy` is the form that the original wormhole reads: a list of 32 integers.",
)
@click.option("--name", help="The key's name in a keyring, and in logs.")
@click.option("--add", is_flag=True, help="Add a key to the file; a single key becomes a keyring.")
@click.option("--rotate", is_flag=True, help="Begin to replace a key: add the new one last, or with --client first.")
@click.option("--client", is_flag=True, help="With --rotate: the file is a client's, which uses its first key.")
@click.option("--from", "source", metavar="FILE", help="Take the key (--name, or the last) from FILE; make no new one.")
@click.version_option(__version__, "-V", "--version", prog_name=PROGRAM, message="%(prog)s %(version)s")
def command(
    key_file: str,
    force: bool,
    form: str,
    name: str | None,
    add: bool,
    rotate: bool,
    client: bool,
    source: str | None,
) -> None:
    """Make a secret key for `wormhole`: both proxies need the same."""
    request = Request(key_file, force, form == "legacy", name, add, rotate, client, source)
    request.check()
    if add or rotate:
        _extend(request)
    else:
        _create(request)


def _create(request: Request) -> None:
    name, secret = _secret(request)
    if request.legacy:
        text = dump_legacy_key(secret)
    elif request.name is None:
        text = dump_key(secret)
    else:
        text = dump_keyring(Keyring((Key(name, secret),)))
    if request.key_file == STANDARD_STREAM:
        click.echo(text, nl=False)
        return
    (replace_key_file if request.force else create_key_file)(request.key_file, text)
    _say(f"{request.key_file} holds {'that' if request.source else 'a new'} key; only you can read it.")
    _say("Copy it to the other host over a channel that you trust, such as scp: both proxies need the same key.")


def _extend(request: Request) -> None:
    ring = read_keyring(request.key_file, _say)
    name, secret = _secret(request)
    if request.name is None and (name == DEFAULT_NAME or ring.by_name(name)):
        name = _unused_name(ring)
    key = Key(name, secret)
    _check_is_new(ring, key, request.key_file)
    text = dump_keyring(Keyring((key, *ring) if request.client else (*ring, key)))
    if request.key_file == STANDARD_STREAM:
        click.echo(text, nl=False)
        return
    rewrite_key_file(request.key_file, text)
    for line in _next_steps(request, key):
        _say(line)


def _secret(request: Request) -> tuple[str, bytes]:
    """The key to write, and a name for it: out of the file that --from names, or new."""
    if request.source is None:
        return request.name or DEFAULT_NAME, secrets.token_bytes(SECRET_SIZE)
    ring = read_keyring(request.source, _say)
    if request.name is None:
        return ring.keys[-1].name, ring.keys[-1].secret
    named = ring.first if len(ring) == 1 else ring.by_name(request.name)
    if named is None:
        raise KeyFileError(f"{request.source} holds no key with the name {request.name}")
    return request.name, named.secret


def _check_is_new(ring: Keyring, key: Key, key_file: str) -> None:
    for other in ring:
        if other.name == key.name:
            raise KeyFileError(f"{key_file} has a key with the name {key.name}; choose another with --name")
        if other.secret == key.secret:
            raise KeyFileError(f"{key_file} holds this key already, with the name {other.name}")


def _unused_name(ring: Keyring) -> str:
    """Today's date, which says later which key is the older; a second key of a day has a number."""
    today = datetime.now(UTC).date().isoformat()
    names = (today, *(f"{today}.{number}" for number in range(2, MAX_KEYS + 2)))
    return next(name for name in names if ring.by_name(name) is None)


def _next_steps(request: Request, key: Key) -> list[str]:
    file, name = request.key_file, key.name
    give = f"{PROGRAM} -k new.yaml --from {file} --name {name}"
    if request.client:
        return [
            f"{file}: key {name} is now the first, and the client proxy's once it is restarted.",
            "The server proxy must hold that key before: see `--rotate` there.",
        ]
    if request.rotate:
        return [
            f"{file}: key {name} is added. The server proxy takes the old and the new key once it is restarted. Then:",
            f"1. `{give}` makes a file with the new key alone; copy it to each client's host.",
            f"2. There, `{PROGRAM} --rotate --client --from new.yaml`, and restart the client proxy.",
            f"3. When no client uses the old key any more, delete it from {file} and restart the server proxy.",
        ]
    return [
        f"{file}: key {name} is added. The server proxy takes it once it is restarted.",
        f"`{give}` makes the file for the client that is to use it.",
    ]


def _say(line: str) -> None:
    click.echo(line, err=True)


def main() -> int:
    """Entry point of the script; returns the exit code."""
    return run_command(command, PROGRAM)
