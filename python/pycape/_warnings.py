"""Warnings that point at the line of the program that uses the package."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the innermost line outside this package."""
    frame = sys._getframe()
    level = 1
    while frame.f_back is not None and _is_own(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def _is_own(module: str) -> bool:
    # A context manager of ours is entered by way of contextlib.
    return module.partition(".")[0] in {_PACKAGE, "contextlib"}
