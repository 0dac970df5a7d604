"""Checksums of functions, as callers name them. Spec: docs/spec/trust.md, function."""

from __future__ import annotations

import re

_CHECKSUM = re.compile("[0-9a-f]{64}")


def is_checksum(text: str) -> bool:
    """Tell whether a text is a checksum."""
    return _CHECKSUM.fullmatch(text) is not None


def only_checksum(checksum: object) -> str:
    """Return an argument that has to be a checksum.

    Raises:
        TypeError: it is no text.
        ValueError: it is none.
    """
    if not isinstance(checksum, str):
        raise TypeError(f"a function's checksum is text, not {type(checksum).__name__}")
    if not is_checksum(checksum):
        raise ValueError(f"a checksum has 64 lower-case hexadecimal digits: {checksum[:80]!r}")
    return checksum
