"""What each error code means: the classes that have one, and what is said beside their docstrings.

`cape explain` shows it, and the pages of docs/errors are made of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import TypeAlias

from pycape import errors
from pycape.cli._errors import CommandError

ErrorClass: TypeAlias = type[errors.CapeError] | type[CommandError]


def classes() -> Iterator[ErrorClass]:
    """Yield every class that has a code, in the order of the tree."""
    yield from _tree(errors.CapeError)
    yield from CommandError.__subclasses__()


def explanations() -> dict[str, dict[str, str]]:
    """Return, by code, what `happened`, and what is `todo`, in Markdown."""
    file = files("pycape.cli") / "explanations.toml"
    return tomllib.loads(file.read_text("utf-8"))


def summary(kind: ErrorClass) -> str:
    """Return the first line of a class's docstring."""
    return (kind.__doc__ or "").splitlines()[0]


def _tree(kind: type[errors.CapeError]) -> Iterator[type[errors.CapeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)
