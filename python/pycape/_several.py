"""What callers pass several of. An object is asked for its items, of which it may have no end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")
_K = TypeVar("_K")

# More than anything takes, and as many as the core looks at.
_MOST = 65_536


# A text or a buffer has items too, but nobody means those.
_ONE = (str, bytes, bytearray, memoryview)


def several(what: str, values: Iterable[_T], most: int = _MOST) -> list[_T]:
    """Return the items of an argument that takes several, which text or bytes alone are not.

    Raises:
        TypeError: it is text or bytes, or no iterable.
        ValueError: there are more than anything takes.
    """
    if isinstance(values, _ONE):
        raise TypeError(f"{what} is a list, also for one: [...]")
    if not isinstance(values, Iterable) and not hasattr(values, "__getitem__"):
        raise TypeError(f"{what} is a list, not {type(values).__name__}")
    items = list(islice(values, most + 1))
    if len(items) > most:
        raise ValueError(f"{what}: at most {most} items are allowed")
    return items


def several_by_name(
    what: str, values: Mapping[_K, _T] | Iterable[tuple[_K, _T]] | None
) -> dict[_K, _T]:
    """Return the entries of an argument that is a mapping, or pairs as a dictionary is made of.

    None has none. How many a mapping says that it has does not count.

    Raises:
        TypeError: it is neither.
        ValueError: there are more than anything takes, or what is no pair.
    """
    if isinstance(values, _ONE):
        raise TypeError(f"{what} is a mapping, not {type(values).__name__}")
    if values is None:
        return {}
    if not isinstance(values, Iterable):
        raise TypeError(f"{what} is a mapping, not {type(values).__name__}")
    if isinstance(values, Mapping):
        return {name: values[name] for name in several(what, values)}
    # Of what should be a pair, unpacking asks for no third.
    return {name: value for name, value in several(what, values)}  # noqa: C416
