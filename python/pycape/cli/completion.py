"""cape completion."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._completion import SHELLS, script_for
from pycape.cli._context import Context
from pycape.cli._errors import UsageError


@click.command(
    "completion",
    cls=CapeCommand,
    example="cape completion bash > ~/.local/share/bash-completion/completions/cape",
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@pass_context
def command(context: Context, shell: str | None) -> None:
    """Print what lets a shell complete commands, options and files.

    Without a SHELL it is for the one that SHELL names in the environment. Where each looks for it:

    \b
    bash  ~/.local/share/bash-completion/completions/cape
    zsh   a file _cape in a folder of $fpath
    fish  ~/.config/fish/completions/cape.fish

    A shell that runs already takes it with `source`.
    """  # noqa: D301 - Click wants the character \b itself
    shell = shell or _present_shell()
    script = script_for(shell).rstrip()
    context.result({"shell": shell, "script": script}, script, script)


def _present_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError(
            "which shell is it for?" if not name else f"there is no completion for {name}",
            hint=f"name one: {', '.join(SHELLS)}",
        )
    return name
