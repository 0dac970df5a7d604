"""CBOR (RFC 8949) in the deterministic form of section 4.2.1, and as attestation documents have it.

Values are int, bytes, str, list, dict, bool and None; there is nothing else. No format of ours has
a number below zero; a value that its reader does not know may be one.
docs/spec/session.md, notation; docs/spec/attestation.md, size and CBOR.
"""

from typing import Any

MOST_NESTED, MOST_ENTRIES = 4, 1024
LEAST_KEY = -(2**63)

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, SIMPLE = 0, 1, 2, 3, 4, 5, 7
FALSE, TRUE, NULL, BREAK = 0xF4, 0xF5, 0xF6, 0xFF
INDEFINITE = 31


def encode(value: Any) -> bytes:  # noqa: PLR0911 - one for each kind
    """Return the only deterministic encoding of a value."""
    match value:
        case None:
            return bytes([NULL])
        case bool():
            return bytes([TRUE if value else FALSE])
        case int():
            return head(UNSIGNED, value) if value >= 0 else head(NEGATIVE, -1 - value)
        case bytes():
            return head(BYTES, len(value)) + value
        case str():
            return head(TEXT, len(value.encode())) + value.encode()
        case list() | tuple():
            return head(ARRAY, len(value)) + b"".join(encode(item) for item in value)
        case dict():
            entries = sorted((encode(key), encode(item)) for key, item in value.items())
            return head(MAP, len(entries)) + b"".join(key + item for key, item in entries)
    raise TypeError(f"CBOR of {type(value).__name__} is not used")


def head(major: int, number: int) -> bytes:
    """Return the shortest head of a major type with its length or value."""
    if number < 24:
        return bytes([major << 5 | number])
    for extra, size in enumerate((1, 2, 4, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | 24 + extra]) + number.to_bytes(size, "big")
    raise ValueError("a number of more than 64 bits")


def decode(data: bytes, *, deterministic: bool = True) -> Any:
    """Read one item that fills `data`.

    Args:
        data: the encoding.
        deterministic: whether maps are sorted and everything has a definite length; attestation
            documents have maps of indefinite length in an order of their own.

    Raises:
        ValueError: anything else than one item in the form that is asked for.
    """
    reader = Reader(data, deterministic)
    value = reader.item(depth=0)
    if reader.position != len(data):
        raise ValueError("bytes behind the end")
    return value


class Reader:
    """A position in encoded bytes."""

    def __init__(self, data: bytes, deterministic: bool = True):
        self.data = data
        self.position = 0
        self.deterministic = deterministic

    def item(self, depth: int) -> Any:
        major, number = self.head()
        if major == UNSIGNED:
            return number
        if major == NEGATIVE:
            return -1 - number
        if major == BYTES:
            return self.take(number)
        if major == TEXT:
            return self.take(number).decode()
        if major in {ARRAY, MAP}:
            if depth == MOST_NESTED:
                raise ValueError("containers nested too deeply")
            return self.array(number, depth) if major == ARRAY else self.map(number, depth)
        return {FALSE: False, TRUE: True, NULL: None}[number]

    def head(self) -> tuple[int, int | None]:
        """Return the major type, and its number: None for a container of indefinite length."""
        initial = self.take(1)[0]
        major, short = initial >> 5, initial & 31
        if initial in {FALSE, TRUE, NULL}:
            return SIMPLE, initial
        if major not in {UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP}:
            raise ValueError(f"an item with the initial byte {initial:#04x} is not used")
        if short == INDEFINITE and major in {ARRAY, MAP} and not self.deterministic:
            return major, None
        if short < 24:
            return major, short
        if short > 27:
            raise ValueError("an indefinite length or a reserved one")
        number = int.from_bytes(self.take(1 << short - 24), "big")
        if len(head(major, number)) != 1 + (1 << short - 24):
            raise ValueError("a head that is not the shortest")
        return major, number

    def array(self, count: int | None, depth: int) -> list:
        return [self.item(depth + 1) for _ in self.times(count)]

    def map(self, count: int | None, depth: int) -> dict:
        entries: dict = {}
        before = b""
        for _ in self.times(count):
            begin = self.position
            key = self.item(depth + 1)
            encoded = self.data[begin : self.position]
            # The type beside the key, because in Python True equals 1.
            if not isinstance(key, (int, str)) or isinstance(key, bool) or key in entries:
                raise ValueError("a key twice, or one that is neither a number nor text")
            if isinstance(key, int) and key < LEAST_KEY:
                raise ValueError("a key of more than 64 bits with its sign")
            if self.deterministic and encoded <= before:
                raise ValueError("keys not sorted by their encoding")
            if len(entries) == MOST_ENTRIES:
                raise ValueError("a map of more entries than any of ours")
            before = encoded
            entries[key] = self.item(depth + 1)
        return entries

    def times(self, count: int | None):
        """Yield once for each item of a container, up to its count or its break."""
        if count is not None:
            # An item has at least one byte: a count is refused before it costs anything.
            if count > len(self.data) - self.position:
                raise ValueError("more items than bytes")
            yield from range(count)
            return
        while self.data[self.position : self.position + 1] != bytes([BREAK]):
            yield
        self.position += 1

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.position:
            raise ValueError("the data ends too early")
        self.position += size
        return self.data[self.position - size : self.position]
