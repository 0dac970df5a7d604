"""Input of commands: an argument, a file, or stdin."""

from __future__ import annotations

import sys
from pathlib import Path

import click


def read_input(text: str | None, file: str | None) -> bytes:
    """Return what the line gives as input: its text, or the file that `-f` names."""
    if (text is None) == (file is None):
        raise click.UsageError("give the input as text, or with -f FILE (- is stdin): one of them")
    if text is not None:
        return text.encode()
    return read_file(str(file))


def read_file(name: str) -> bytes:
    """Return a file's bytes; `-` is stdin."""
    if name == "-":
        if sys.stdin.isatty():
            click.echo("reading from the terminal: end with Ctrl-D", err=True)
        return sys.stdin.buffer.read()
    return Path(name).read_bytes()
