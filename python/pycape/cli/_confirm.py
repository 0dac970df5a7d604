"""Asking before something is lost."""

from __future__ import annotations

import sys

import click

from pycape.cli._errors import UsageError

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `--yes` was given; elsewhere `--yes` is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} there is no terminal to ask on", hint="--yes does it without asking"
        )
    click.confirm(question, abort=True, err=True)
