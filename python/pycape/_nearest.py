"""What was probably meant by a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the name most like `name`; None if none is alike enough, from 0 (any) to 1 (equal)."""
    from difflib import get_close_matches  # noqa: PLC0415 - for mistakes only

    return next(iter(get_close_matches(name, [*names], 1, likeness)), None)
