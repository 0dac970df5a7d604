"""CBOR by hand: maps keep their order, and may hold a key twice."""

from typing import Any

UNSIGNED, BYTES, TEXT, ARRAY, MAP = 0, 2, 3, 4, 5
NULL = b"\xf6"


class Pairs(list):
    """A map as pairs."""


class Encoded(bytes):
    """An item that is encoded already, rightly or not."""


def encode(value: Any) -> bytes:  # noqa: PLR0911 - one for each kind
    match value:
        case Encoded():
            return bytes(value)
        case None:
            return NULL
        case int():
            return head(UNSIGNED, value)
        case bytes():
            return head(BYTES, len(value)) + value
        case str():
            return head(TEXT, len(value.encode())) + value.encode()
        case dict():
            return encode(Pairs(value.items()))
        case Pairs():
            return head(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value)
        case list():
            return head(ARRAY, len(value)) + b"".join(map(encode, value))
    raise TypeError(f"{type(value).__name__} is not in these documents")


def indefinite(kind: int, *items: Any) -> Encoded:
    """Return a container, or the chunks of a string, of indefinite length."""
    return Encoded(bytes([kind << 5 | 31]) + b"".join(map(encode, items)) + b"\xff")


def head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for extra, size in enumerate((1, 2, 4, 8)):
        if number < 1 << 8 * size:
            return bytes([kind << 5 | 24 + extra]) + number.to_bytes(size, "big")
    raise ValueError("a number of more than 64 bits")
