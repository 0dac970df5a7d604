"""What encoder and decoder agree on. Spec: docs/spec/serde.md."""

from __future__ import annotations

import re
from enum import IntEnum

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

# Types of elements (numpy's dtype.str): truth, numbers, times. Their bytes name nothing else.
ELEMENTS = re.compile(
    r"[<>|](b1|[iu][1248]|f[248]|c8|c16|[mM]8(\[[0-9]*(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)


class Extension(IntEnum):
    """Codes of MessagePack's extension types; 1 to 4 are serdio's."""

    COMPLEX = 1
    TUPLE = 2
    SET = 3
    FROZENSET = 4
    ARRAY = 5


def aligned(offset: int) -> int:
    """Return the first aligned place at `offset` or behind it."""
    return -(-offset // ALIGNMENT) * ALIGNMENT
