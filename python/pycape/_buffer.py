"""Data from the caller: any contiguous buffer, without a copy."""

from __future__ import annotations

from typing import Any, TypeAlias

# `collections.abc.Buffer` names it from Python 3.12 on.
Buffer: TypeAlias = Any


def view(data: Buffer, what: str = "this") -> memoryview:
    """Return a contiguous buffer of whatever items as bytes; `what` names it in errors.

    Raises:
        TypeError: it is text, no buffer, or not contiguous.
    """
    if isinstance(data, str):
        raise TypeError(f"{what} is bytes, not str: encode the text, for example .encode()")
    try:
        items = memoryview(data)
    except TypeError as error:
        raise TypeError(
            f"{what} is bytes, or another contiguous buffer, not {type(data).__name__}"
        ) from error
    except (ValueError, BufferError) as error:
        raise TypeError(f"{what} cannot be read: {error}") from error
    try:
        # `cast` refuses shapes with a zero in them.
        return items.cast("B") if items.nbytes else memoryview(b"")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} is no contiguous buffer: {error}") from error
