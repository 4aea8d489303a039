"""The container's entry point: `docker run ... wormhole COMMAND`.

The proxy runs in this very process, which is PID 1 there: signals reach it, and there are no children to wait for.
docs/container.md is its guide.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Final

import click

from wormhole_tunnel.cli.container_key import KEY_FILE, check_key, check_target, hand_over
from wormhole_tunnel.cli.entry import run_command
from wormhole_tunnel.config.options import OPTIONS, Mode
from wormhole_tunnel.errors import UsageError

HELP: Final = """\
wormhole carries TCP connections, encrypted, between two machines.

    docker run --rm -v "$PWD:/etc/wormhole" wormhole keygen
    docker run -v "$PWD:/etc/wormhole:ro" -p 6379:8081 -e CONNECT_ADDR=redis.example:26379 wormhole client-proxy
    docker run -v "$PWD:/etc/wormhole:ro" -p 26379:8081 -e CONNECT_ADDR=10.0.0.5:6379 wormhole server-proxy

Commands:
    client-proxy   accept clients at LISTEN_ADDR, and carry their connections to the server proxy at CONNECT_ADDR
    server-proxy   accept client proxies at LISTEN_ADDR, and connect to the server at CONNECT_ADDR
    keygen         write a new key to /etc/wormhole/key.yaml; takes the options of wormhole-keygen
    health         say whether the proxy answers; the image's own health check
    help           show this
    anything else  is executed as it is, as in: wormhole --help

Variables:
    CONNECT_ADDR   host:port; needed
    LISTEN_ADDR    0.0.0.0:8081 unless set
    LOG_LEVEL      wormhole=warn unless set; as in info, or warn,wormhole.net=debug
    WORMHOLE_...   every option of wormhole, as in WORMHOLE_FRAMING=exact; options may also follow the command

Both proxies read the key from /etc/wormhole/key.yaml. They run as user 1000 unless --user says otherwise.
"""

# variable of the container, the option it stands for, and what holds where neither is set
_VARIABLES: Final = (("LISTEN_ADDR", "client", "0.0.0.0:8081"), ("CONNECT_ADDR", "server", ""))
_LOG: Final = ("LOG_LEVEL", "log", "wormhole=warn")
_KEY: Final = ("WORMHOLE_KEY_FILE", "key_file", KEY_FILE)
_NOT_EXECUTABLE: Final = 126  # as shells say it
_NOT_FOUND: Final = 127
_ASKS: Final = {"-h", "--help", "-V", "--version"}  # options that write nothing
_OPTIONS: Final = {option.name: option for option in OPTIONS}

Command = Callable[[str, Sequence[str]], int]


def proxy_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The container's variables as those of the options, which they override; with the container's defaults.

    Raises UsageError or AddressError, in terms of the variable that was set.
    """
    settings = import_module("wormhole_tunnel.config.settings")
    found = {}
    for variable, name, default in (*_VARIABLES, _LOG, _KEY):
        option = _OPTIONS[name]
        if text := environ.get(variable):
            settings.parse_values([option], [settings.Source({name: text}, lambda _, variable=variable: variable)])
        value = text or next((environ[each] for each in option.variables if environ.get(each)), default)
        if value:
            found[option.variables[0]] = value
    return found


def _run_proxy(mode: Mode, **parameters: object) -> int:
    typed = import_module("wormhole_tunnel.cli.group").typed_values(parameters)
    if "config" in typed or os.environ.get("WORMHOLE_CONFIG"):
        raise UsageError(
            "a configuration file says by itself what to be: docker run ... wormhole wormhole --config FILE"
        )
    os.environ.update(proxy_environment(os.environ))
    _check_destination(typed, mode)
    check_key(typed.get("key_file", os.environ["WORMHOLE_KEY_FILE"]), f"{mode.value}-proxy")
    if own := os.environ.get("WORMHOLE_STATUS"):  # the health check asks there, so what is typed comes on top
        typed["status"] = ",".join(filter(None, (typed.get("status"), own)))
    typed["server_proxy"] = str(mode is Mode.SERVER).lower()
    run_proxy = import_module("wormhole_tunnel.cli.proxy").run_proxy
    return int(run_proxy(typed))


def _check_destination(typed: Mapping[str, str], mode: Mode) -> None:
    names = ("server", "services") if mode is Mode.SERVER else ("server",)
    if not any(name in typed or os.environ.get(_OPTIONS[name].variables[0]) for name in names):
        what = "the server's host:port" if mode is Mode.SERVER else "the server proxy's host:port"
        raise UsageError(f"CONNECT_ADDR is not set; give {what}: docker run -e CONNECT_ADDR=HOST:PORT ...")


def _proxy(mode: Mode, name: str, arguments: Sequence[str]) -> int:
    click_option = import_module("wormhole_tunnel.cli.group").click_option
    options = [click_option(option) for option in OPTIONS if option.field != "mode"]
    return run_command(click.Command(name, params=options, callback=partial(_run_proxy, mode)), name, arguments)


def _keygen(name: str, arguments: Sequence[str]) -> int:
    os.environ.setdefault("WORMHOLE_KEY_FILE", KEY_FILE)
    keygen: click.Command = import_module("wormhole_tunnel.cli.keygen").command
    target = str(keygen.make_context(name, list(arguments), resilient_parsing=True).params["key_file"])

    def generate() -> None:
        if not _ASKS.intersection(arguments):
            check_target(target)
        keygen.main(list(arguments), prog_name=name, standalone_mode=False)
        hand_over(target)

    return run_command(click.Command(name, callback=generate), name, [])


def _health(name: str, arguments: Sequence[str]) -> int:
    command: click.Command = import_module("wormhole_tunnel.cli.health").command
    return run_command(command, name, arguments)


def _help(_name: str, _arguments: Sequence[str]) -> int:
    click.echo(HELP, nl=False)
    return 0


COMMANDS: Final[Mapping[str, Command]] = {
    "client-proxy": partial(_proxy, Mode.CLIENT),
    "server-proxy": partial(_proxy, Mode.SERVER),
    "keygen": _keygen,
    "health": _health,
    "help": _help,
}


def execute(command: Sequence[str]) -> int:
    """Become that command; returns, with an exit code, only where it can't be executed."""
    try:
        os.execvp(command[0], list(command))
    except FileNotFoundError:
        click.echo(f"{command[0]}: no such command; `help` lists those of this container", err=True)
        return _NOT_FOUND
    except OSError as error:
        click.echo(f"{command[0]}: can't be executed: {error.strerror}", err=True)
        return _NOT_EXECUTABLE


def main() -> int:
    """Entry point of the image; returns the exit code."""
    signal.signal(signal.SIGTERM, _end)  # the kernel ignores it for a PID 1 without a handler
    command = sys.argv[1:] or ["help"]
    if own := COMMANDS.get(command[0]):
        return own(command[0], command[1:])
    return execute(command)


def _end(_signal_number: int, _frame: FrameType | None) -> None:
    """End at once: nothing is open until the proxy has signal handlers of its own."""
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
