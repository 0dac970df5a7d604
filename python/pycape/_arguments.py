"""What callers pass, where it has to be of one kind: what it is for, and what was given instead."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    AnyCallable = TypeVar("AnyCallable", bound=Callable[..., object] | None)


def only_path(what: str, path: str | os.PathLike[str]) -> Path:
    """Return an argument that has to be a path.

    Raises:
        TypeError: it is none.
    """
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"{what} is a path, not {type(path).__name__}") from None


def only_ca_file(ca_file: str | os.PathLike[str] | None) -> str | None:
    """Return the path of a file of authorities, if one is given.

    Raises:
        TypeError: it is no path.
    """
    return None if ca_file is None else os.fspath(only_path("ca_file", ca_file))


def only_text(what: str, value: object) -> str:
    """Return an argument that has to be text.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} is text, not {type(value).__name__}")
    return value


def only_progress(progress: AnyCallable) -> AnyCallable:
    """Return what is to be called as work goes on; None where nobody is.

    Raises:
        TypeError: it cannot be called.
    """
    if progress is not None and not callable(progress):
        raise TypeError(f"progress is a function, not {type(progress).__name__}")
    return progress
