"""Data from the caller: any contiguous buffer, without a copy."""

from __future__ import annotations

from typing import Any, TypeAlias

# `collections.abc.Buffer` names it from Python 3.12 on.
Buffer: TypeAlias = Any


def view(data: Buffer) -> memoryview:
    """Return a contiguous buffer of whatever items as bytes.

    Raises:
        TypeError: it is text, no buffer, or not contiguous.
    """
    if isinstance(data, str):
        raise TypeError("bytes are wanted, not str: encode the text, for example .encode()")
    try:
        items = memoryview(data)
        # `cast` refuses shapes with a zero in them.
        return items.cast("B") if items.nbytes else memoryview(b"")
    except (TypeError, ValueError, BufferError) as error:
        raise TypeError(f"a contiguous buffer of bytes is wanted: {error}") from error
