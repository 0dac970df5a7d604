"""One hook. What makes a pair of them, `_hooks.py`, is not loaded where nobody has any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

# Takes any value that is no value of the format, and returns one that is; and the other way round,
# takes each map and returns what it stands for.
Hook: TypeAlias = Callable[[Any], Any]


def check_hook(name: str, hook: object) -> None:
    """Raise `TypeError` for what cannot be called."""
    if not callable(hook):
        raise TypeError(f"{name} is a function, not {type(hook).__name__}")
