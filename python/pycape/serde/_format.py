"""What encoder and decoder agree on. Spec: docs/spec/serde.md."""

from __future__ import annotations

import re

import msgpack

# Keys of the outermost map.
ARGS = "_serdio_args_"
KWARGS = "_serdio_kwargs_"

# With arrays that map begins with another key. Its value, an unsigned integer of eight bytes, is
# the length of the text; the elements of the arrays lie behind.
LENGTH_KEY: bytes = msgpack.packb("_pycape_length_") + b"\xcf"
LENGTH_BYTES = 8

# The outermost map has up to three pairs, and its first byte is this and how many.
SMALL_MAP = 0x80

ALIGNMENT = 64  # bytes; the elements of each array begin at a multiple of that

MAX_DEPTH = 100  # of tuples, sets and frozensets within each other

# Codes of MessagePack's extension types; 1 to 4 are serdio's.
COMPLEX = 1
TUPLE = 2
SET = 3
FROZENSET = 4
ARRAY = 5


def aligned(offset: int) -> int:
    """Return the first aligned place at `offset` or behind it."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def is_elements(name: str) -> bool:
    """Tell whether a name is that of a type of elements, written as numpy does (`dtype.str`)."""
    found = _ELEMENTS.fullmatch(name)
    return found is not None and int(found["multiple"] or 2) in range(2, 1 << 31)


# Truth, numbers, times; their bytes name nothing else.
_ELEMENTS = re.compile(
    r"\|(b1|[iu]1)"
    r"|[<>]([iu][248]|f[248]|c8|c16|[mM]8(\[(?P<multiple>[1-9][0-9]{0,9})?"
    r"(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)
