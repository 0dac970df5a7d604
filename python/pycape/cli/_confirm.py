"""Asking before something is lost."""

from __future__ import annotations

import sys

import click

from pycape._strangers import one_line
from pycape.cli._context import Context
from pycape.cli._errors import Interrupted, UsageError


def confirm(context: Context, question: str) -> None:
    """Ask on a terminal, unless `--yes` was given; elsewhere that is needed."""
    if context.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} there is no terminal to ask on", hint="--yes does it without asking"
        )
    try:
        agreed = click.confirm(one_line(question), err=True)
    except click.Abort:
        click.echo(err=True)  # what is told next does not stand behind the question
        raise
    if not agreed:
        raise Interrupted("nothing was done: the answer is no")
