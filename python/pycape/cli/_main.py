"""`cape`: the group of all commands, and what happens when one fails."""

from __future__ import annotations

import sys

import click

from pycape.cli import _failure
from pycape.cli._command import CapeGroup, Context

_COMMANDS = {
    "accounts": "accounts",
    "attest": "attest",
    "config": "config",
    "decrypt": "decrypt",
    "demo": "demo",
    "deploy": "deploy",
    "dev": "dev",
    "encrypt": "encrypt",
    "function": "function",
    "join": "join",
    "keys": "keys",
    "package": "package",
    "run": "run",
    "token": "token",
    "vault": "vault",
    "version": "version",
}


@click.group(
    cls=CapeGroup,
    commands_in=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cape() -> None:
    """Confidential functions: encrypt, deploy, run.

    cape demo

    Start with the example above: it starts a local platform, deploys a function into an enclave,
    encrypts an image, runs the function on it, and prints what was proven on the way.
    """


def main() -> None:
    """Run the command line and exit with its status."""
    context = Context()
    try:
        cape.main(prog_name="cape", standalone_mode=False, obj=context)
        status = 0
    except BaseException as error:  # noqa: BLE001 - each ends as a message and a status
        status = _failure.report(error, context)
    sys.stdout.flush()
    sys.exit(status)
