"""Whether what is given as input names a file, or is a text itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pycape._strangers import is_secret_key, named
from pycape.cli._context import Context
from pycape.cli._errors import NoInput, UsageError
from pycape.cli._files import STDIN, similar_name

# What is a file's name sooner than a text: a word with a slash, or what has an ending like .pdf.
_LIKE_A_NAME = re.compile(r"\S*/\S*|.*\S\.(?=\d*[A-Za-z])[A-Za-z0-9]{1,5}")
_WORD = re.compile(r"\S*")


def name_of(given: str | None, file: str | None) -> str | None:
    """Return the name of the file to encrypt; None for a text.

    What is given is the file of that name; if there is none, it is a text. What looks like the name
    of a file that is not there is refused: taken for a text it would pass for the file's
    ciphertext, and what is in the file is lost when that is deleted.
    """
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
    meant = similar_name(Path(given))
    if meant is not None or is_secret_key(given) or _LIKE_A_NAME.fullmatch(given):
        raise NoInput(
            f"there is no file {named(given)}",
            hint=f"{f'did you mean {meant}? ' if meant else ''}if it is a text, write it to stdin, "
            "and -f - in its place",
        )
    return None


def tell_of_text(context: Context, text: str) -> None:
    """Tell of a word that it was no file's name: it may be that of a file elsewhere."""
    if _WORD.fullmatch(text):
        context.note(f"there is no file {text}, so these letters are what is encrypted")


def tell_of_file(context: Context, text: str) -> None:
    """Tell of a text that it is what is sent, where it is also the name of a file."""
    if os.path.isfile(text):  # noqa: PTH113 - `Path.is_file` raises for a text that is too long
        context.note(f"these letters are the input; -f {text} sends what is in the file")


def _is_there(given: str) -> bool:
    path = Path(given)
    if os.path.isdir(path):  # noqa: PTH112 - `Path.is_dir` raises for a text that is too long
        raise NoInput(
            f"{given}: is a directory",
            hint="`tar c FOLDER | cape encrypt - -o FILE` encrypts a folder; a text goes to -f -",
        )
    return os.path.exists(path)  # noqa: PTH110 - as above
