"""How each error of the command line is told: in our voice, with a hint that can be followed."""

import re
import shlex
from contextlib import suppress

import click

from pycape.cli._errors import Interrupted
from pycape.cli._main import cape

# What has no hint: Ctrl-C was meant.
WITHOUT_HINT = {Interrupted.code}


def check_error(error: dict) -> None:
    """Look at an error's message and hint: voice, and whether commands in it are understood."""
    _check_voice(error["message"])
    assert error["hint"] or error["code"] in WITHOUT_HINT, f"no hint: {error['message']}"
    _check_voice(error["hint"] or "-")
    for line in commands_in(error["hint"] or ""):
        check_command(line)


def commands_in(text: str) -> list[str]:
    """Return all in a text that is in backquotes and begins with `cape`."""
    return [" ".join(each.split()) for each in re.findall("`(cape [^`]+)`", text)]


def check_command(line: str) -> None:
    """Understand a command: what it takes may be left out; no word of it may be wrong."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    with suppress(
        click.MissingParameter,
        click.BadOptionUsage,
        click.exceptions.Exit,
        click.exceptions.NoArgsIsHelpError,
    ):
        parse(cape, words)


def parse(command: click.Command, words: list[str]) -> None:
    """Understand words as a command line, and do nothing."""
    context = command.make_context(None, words, resilient_parsing=False)
    if isinstance(command, click.Group) and context._protected_args:
        words = [*context._protected_args, *context.args]
        _, below, rest = command.resolve_command(context, words)
        parse(below, rest)


def _check_voice(text: str) -> None:
    """A sentence of ours has no full stop; it begins in lower case, or with a name as it is."""
    assert text, "there are no words"
    assert text.endswith("...") or not text.endswith("."), f"a full stop: {text}"
    assert not re.match(r"[A-Z][a-z]*[ ,:;]", text), f"a capital letter: {text}"
