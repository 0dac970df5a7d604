"""What callers pass, where it has to be of one kind: what it is for, and what was given instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import os
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


def only_progress(progress: AnyCallable) -> AnyCallable:
    """Return what is to be called as work goes on; None where nobody is.

    Raises:
        TypeError: it cannot be called.
    """
    if progress is not None and not callable(progress):
        raise TypeError(f"progress is a function, not {type(progress).__name__}")
    return progress
