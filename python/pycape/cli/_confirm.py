"""Asking before something is lost."""

from __future__ import annotations

import sys

import click

from pycape._strangers import one_line
from pycape.cli._errors import UsageError

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(question: str, *, yes: bool, option: str = "--yes") -> None:
    """Ask on a terminal, unless `option` was given; elsewhere that is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} there is no terminal to ask on", hint=f"{option} does it without asking"
        )
    click.confirm(one_line(question), abort=True, err=True)
