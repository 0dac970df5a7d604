"""What callers pass, where it has to be of one class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T")


def only(kind: type[_T], what: str, value: object) -> _T:
    """Return an argument that has to be of a class.

    Raises TypeError where it is not.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{what} is {kind.__name__}, not {type(value).__name__}")
    return value


def check_fields(instance: DataclassInstance, **checks: Callable[[str, Any], object]) -> None:
    """Set these fields of a frozen dataclass to what their checks make of them.

    Where nothing is given, and need not be, nothing is checked.

    Raises TypeError or ValueError where a check does.
    """
    for each in fields(instance):
        value = getattr(instance, each.name)
        if each.name in checks and (value is not None or each.default is not None):
            object.__setattr__(instance, each.name, checks[each.name](each.name, value))
