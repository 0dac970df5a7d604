"""What a function can be called."""

from __future__ import annotations

import os
import re

from ._arguments import only_path

# Spec: docs/spec/trust.md, function.
FUNCTION_NAME = r"[a-z][a-z0-9_-]{0,63}"
FUNCTION_NAME_IN_WORDS = "1 to 64 lower-case letters, digits, - and _, a letter first"
LONGEST_FUNCTION_NAME = 64


def check_function_name(name: str | None) -> None:
    """Look at the name that a function is to be deployed under, if one is given.

    Raises:
        TypeError: it is no text.
        ValueError: a function cannot have it.
    """
    if not isinstance(name, str | None):
        raise TypeError(f"a function's name is text, not {type(name).__name__}")
    if name is not None and not re.fullmatch(FUNCTION_NAME, name):
        raise ValueError(f"a function cannot be called {name!r}: {FUNCTION_NAME_IN_WORDS}")


def default_name(folder: str | os.PathLike[str], name: str | None, named: str | None) -> str:
    """Return a deployed function's name: the argument, the folder's settings, the folder's name."""
    stem = only_path("folder", folder).resolve().name.removesuffix(".zip").lower()
    derived = re.sub(r"[^a-z0-9]+", "-", stem).lstrip("-0123456789")[:LONGEST_FUNCTION_NAME]
    derived = derived.rstrip("-")
    return name or named or derived or "function"
