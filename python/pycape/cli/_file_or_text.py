"""Whether what is given as input names a file, or is a text itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pycape._strangers import named
from pycape.cli._context import Context
from pycape.cli._errors import NoInput, UsageError
from pycape.cli._files import STDIN
from pycape.cli._streams import STDOUT

# What is more likely a file's name with a mistake in it than a text; and what may be one.
_LIKE_A_NAME = re.compile(r"\S*/\S*|\S+\.[A-Za-z0-9]{1,5}")
_MAY_BE_A_NAME = re.compile(r"\S*|.*/.*|.*\.[A-Za-z0-9]{1,5}")


def name_of(
    context: Context, given: str | None, file: str | None, output: str | None
) -> str | None:
    """Return the name of the file to encrypt; None for a text."""
    if given is not None and file is not None:
        raise UsageError("the input is given twice", hint="give a text or -f FILE, one of them")
    if file is not None:
        return file
    if given is None:
        raise UsageError(
            "there is no input", hint='give it as text ("hello"), or with -f FILE; -f - is stdin'
        )
    if not given:
        raise UsageError(
            "the text is empty", hint="an empty one is encrypted too, from stdin: -f -"
        )
    if given == STDIN or _is_there(given):
        return given
    _check_text(context, given, to_file=output not in {None, STDOUT})
    return None


def tell_of_file(context: Context, text: str) -> None:
    """Tell of a text that it is what is sent, where it is also the name of a file."""
    if os.path.isfile(text):  # noqa: PTH113 - `Path.is_file` raises for a text that is too long
        context.note(f"these letters are the input; -f {text} sends what is in the file")


def _check_text(context: Context, given: str, *, to_file: bool) -> None:
    """Tell of a text that it is one; refuse for a file what may be a file's name, and is none's.

    A file that holds a mistyped name would pass for the encrypted one, and what is in that is lost
    when the original is deleted.
    """
    if to_file and _MAY_BE_A_NAME.fullmatch(given):
        raise NoInput(
            f"there is no file {named(given)}",
            hint="if it is a text, write it to stdin, and -f - in its place",
        )
    if _LIKE_A_NAME.fullmatch(given):
        context.note(f"there is no file {given}, so these letters are what is encrypted")
    elif to_file:
        context.note("no file has that name, so these letters are what is encrypted")


def _is_there(given: str) -> bool:
    path = Path(given)
    if os.path.isdir(path):  # noqa: PTH112 - `Path.is_dir` raises for a text that is too long
        raise NoInput(
            f"{given}: is a directory",
            hint="`tar c FOLDER | cape encrypt - -o FILE` encrypts a folder; a text goes to -f -",
        )
    return os.path.exists(path)  # noqa: PTH110 - as above
