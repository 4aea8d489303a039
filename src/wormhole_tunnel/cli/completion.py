"""`wormhole completion SHELL`: the script that makes a shell complete the options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

_SHELLS: Final = ("bash", "zsh", "fish")
_HELP: Final = """Print what makes SHELL complete the options of wormhole.

\b
bash:  eval "$(wormhole completion bash)"     in ~/.bashrc
zsh:   eval "$(wormhole completion zsh)"      in ~/.zshrc
fish:  wormhole completion fish | source      in ~/.config/fish/config.fish
"""


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(_SHELLS), metavar="SHELL")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script of click's own completion."""
    make = get_completion_class(shell)
    if make is not None:
        click.echo(make(context.find_root().command, {}, "wormhole", "_WORMHOLE_COMPLETE").source())
