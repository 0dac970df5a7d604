"""What callers pass, where it has to be of one class."""

from __future__ import annotations

from typing import TypeVar

_T = TypeVar("_T")


def only(kind: type[_T], what: str, value: object) -> _T:
    """Return an argument that has to be of a class.

    Raises TypeError where it is not.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{what} is {kind.__name__}, not {type(value).__name__}")
    return value
