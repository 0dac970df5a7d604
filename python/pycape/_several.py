"""What callers pass several of. An object is asked for its items, of which it may have no end."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")

# More than anything takes, and as many as the core looks at.
_MOST = 65_536


def several(what: str, values: Iterable[_T]) -> list[_T]:
    """Return the items of an argument that takes several, which text on its own is not.

    Raises:
        TypeError: it is text, or no iterable.
        ValueError: there are more than anything takes.
    """
    if isinstance(values, str | bytes):
        raise TypeError(f"{what} is a list, also for one: [...]")
    items = list(islice(values, _MOST + 1))
    if len(items) > _MOST:
        raise ValueError(f"at most {_MOST} items are allowed")
    return items
