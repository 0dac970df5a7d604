"""`cape`: the group of all commands, and what happens when one fails."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

import pycape
from pycape.cli import _completion, _failure
from pycape.cli._command import LazyGroup
from pycape.cli._context import Context
from pycape.cli._standard_streams import prepare_standard_streams

# What `cape --help` says of each command, without loading it.
_SECTIONS = {
    "Commands": {
        "demo": "Go the whole way once: deploy, encrypt, prove, run.",
        "dev": "Run a platform on this machine, until Ctrl-C.",
        "console": "Show your platform in a browser, until Ctrl-C.",
        "join": "Add a platform, from the file that its owner handed on.",
        "init": "Write a new function's folder: handler, test, README.",
        "package": "Pack a function and show what would be deployed.",
        "test": "Run a folder once in an enclave, and forget it.",
        "deploy": "Deploy a folder with app.py as a function.",
        "run": "Run a function, after its enclave has proved what it is.",
        "encrypt": "Encrypt a file or a text, for your functions by default.",
        "decrypt": "Decrypt a file with a private key of your own; - is stdin.",
        "inspect": "Say in plain words what a file is; - is stdin.",
        "recipients": "List, add and remove who can decrypt a file.",
        "function": "List, show, verify and delete deployed functions.",
        "token": "Let others run a function of yours.",
        "keys": "Keys to encrypt for: your own, or your account's.",
        "accounts": "Your account, and the names of others.",
        "attest": "Let an enclave prove what it is, and show each check.",
        "receipt": "Receipts: what an enclave signed about a run.",
        "doctor": "Look at all that Cape needs, and say how to mend it.",
        "explain": "Say what an error's code means, and what to do.",
        "config": "Show each setting and where it comes from.",
        "completion": "Print what lets a shell complete commands, options and files.",
        "version": "Print the version.",
    },
    "For operators": {
        "vault": "The secret that a platform's enclaves share.",
        "image": "Enclave images: built, signed, compared and pinned, without Docker.",
        "host": "The machine that an enclave runs on.",
    },
}

_OLD_SPELLINGS = {
    "delete": ("function", "delete"),
    "get-pcrs": ("_old", "get_pcrs"),
    "key": ("keys", "show"),
    "list": ("function", "list_"),
    "login": ("_old", "login"),
    "signup": ("_old", "signup"),
}


@click.group(
    cls=LazyGroup,
    example="cape demo",
    sections=_SECTIONS,
    old_spellings=_OLD_SPELLINGS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(pycape.__version__, message="%(prog)s %(version)s")
def cape() -> None:
    """Confidential functions: encrypt, deploy, run.

    Start with the example above: it starts a local platform, deploys a function into an enclave,
    encrypts an image, runs the function on it, and prints what was proven on the way.
    """


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    prepare_standard_streams()
    for number in (signal.SIGHUP, signal.SIGTERM):
        # As Ctrl-C, so that what is temporary is removed; one that is ignored stays so.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its status."""
    # Known before the line is understood, since not understanding it is told in JSON too.
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    context = Context(json="--json" in options)
    try:
        if instruction := os.environ.get(_completion.VARIABLE):
            return _completion.answer(cape, instruction, context)
        status = cape.main(list(arguments), prog_name="cape", standalone_mode=False, obj=context)
        sys.stdout.flush()
        if context.trouble is not None:
            raise context.trouble
    except BaseException as error:
        return _failure.report(error, context)
    return status or 0
