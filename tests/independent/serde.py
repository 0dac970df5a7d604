"""Values of typed functions (docs/spec/serde.md, and MessagePack's own page).

Reading only, and what it costs is not bounded but for depth. Elements of arrays stay bytes.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

TIMESTAMP, COMPLEX, TUPLE, SET, FROZENSET, ARRAY = -1, 1, 2, 3, 4, 5
LENGTH_KEY = b"\xaf_pycape_length_\xcf"
MOST_CODES, MOST_CONTAINERS = 100, 1024
SERIES = 0xC1

TYPE = re.compile(
    r"\|(?:b|i|u)1|[<>](?:[iu][248]|f[248]|c8|c16"
    r"|[mM]8(?:\[([1-9][0-9]*)?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)",
    re.ASCII,
)


class Refused(ValueError):  # noqa: N818 - as the pages say it
    """These bytes are no value."""


@dataclass(frozen=True)
class Array:
    """An array, or a scalar if its shape is empty."""

    type: str
    shape: tuple[int, ...]
    elements: bytes


@dataclass(frozen=True)
class Time:
    """MessagePack's own extension type."""

    seconds: int
    nanoseconds: int


@dataclass(frozen=True)
class Other:
    """An extension type of another code."""

    code: int
    data: bytes


def read_output(output: bytes) -> Any:
    """Return the value of an output, or the list of those of a series."""
    if output[:1] != bytes([SERIES]):
        return read(output)
    return [read(text) for text in texts(output[1:])]


def texts(series: bytes) -> Iterator[bytes]:
    while series:
        length = int.from_bytes(series[:8], "big")
        if len(series) < 8 + length:
            raise Refused("the series ends within a value")
        yield series[8 : 8 + length]
        series = series[8 + length :]


def read(whole: bytes) -> Any:
    """Return the one value, or the tuple of them."""
    args, _ = read_arguments(whole)
    return args[0] if len(args) == 1 else args


def read_arguments(whole: bytes) -> tuple[tuple[Any, ...], Any]:
    """Return the arguments by position and by name."""
    length = len(whole)
    if whole[1:].startswith(LENGTH_KEY):
        behind = 1 + len(LENGTH_KEY)
        length = int.from_bytes(whole[behind : behind + 8], "big")
    if length > len(whole):
        raise Refused("the text is not all there")
    outermost = Reader(whole[:length], whole[-(-length // 64) * 64 :]).only()
    args = outermost.get("_serdio_args_") if isinstance(outermost, dict) else None
    if not isinstance(args, tuple | list):
        raise Refused("there are no arguments")
    return tuple(args), outermost.get("_serdio_kwargs_", {})


class Reader:
    """One text, or the data of an extension type, from its first byte on."""

    def __init__(self, text: bytes, elements: bytes, codes: int = 0) -> None:
        self.text, self.elements, self.codes = text, elements, codes
        self.place = self.containers = 0

    def only(self) -> Any:
        value = self.value()
        if self.place != len(self.text):
            raise Refused("there are bytes behind the value")
        return value

    def take(self, count: int) -> bytes:
        taken = self.text[self.place : self.place + count]
        if len(taken) < count:
            raise Refused("the text ends too early")
        self.place += count
        return taken

    def number(self, form: str) -> Any:
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def value(self) -> Any:  # noqa: PLR0911 - one for each kind
        (first,) = self.take(1)
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 256
        if first < 0xA0:
            return (self.map if first < 0x90 else self.list)(first & 15)
        if first < 0xC0:
            return self.string(first & 31)
        if first in SINGLE:
            return SINGLE[first]
        if first in NUMBERS:
            return self.number(NUMBERS[first])
        if first in FIXED:
            return self.extension(FIXED[first])
        if first not in SIZED:
            raise Refused("no value begins so")
        name, form = SIZED[first]
        return getattr(self, name)(self.number(form))

    def string(self, length: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise Refused("a text is no UTF-8") from error

    def list(self, length: int) -> list[Any]:
        return [*self.members(length)]

    def map(self, length: int) -> dict[Any, Any]:
        found = {}
        for key in self.members(length):
            found[hashed(key)] = self.value()
        return found

    def members(self, length: int) -> Iterator[Any]:
        self.containers += 1
        if self.containers > MOST_CONTAINERS:
            raise Refused("lists and maps lie too deep")
        for _ in range(length):
            yield self.value()
        self.containers -= 1

    def extension(self, length: int) -> Any:
        code = self.number("b")
        data = self.take(length)
        if COMPLEX <= code <= FROZENSET:
            return self.coded(code, data)
        if code == ARRAY:
            return array(Reader(data, b"", MOST_CODES).only(), self.elements)
        if code == TIMESTAMP:
            return time(data)
        if code < 0:
            raise Refused("MessagePack keeps such codes for itself")
        return Other(code, data)

    def coded(self, code: int, data: bytes) -> Any:
        if self.codes == MOST_CODES:
            raise Refused("codes lie too deep")
        members = Reader(data, self.elements, self.codes + 1).only()
        if code == COMPLEX:
            match members:
                case (int() | float() as real, int() | float() as imaginary):
                    return complex(real, imaginary)
            raise Refused("a complex number is two numbers")
        if not isinstance(members, list):
            raise Refused("members are an array")
        if code == TUPLE:
            return tuple(members)
        return (set if code == SET else frozenset)(map(hashed, members))


SINGLE = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS = dict(zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True))
FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
SIZED = {
    **{0xC4: ("take", "B"), 0xC5: ("take", "H"), 0xC6: ("take", "I")},
    **{0xC7: ("extension", "B"), 0xC8: ("extension", "H"), 0xC9: ("extension", "I")},
    **{0xD9: ("string", "B"), 0xDA: ("string", "H"), 0xDB: ("string", "I")},
    **{0xDC: ("list", "H"), 0xDD: ("list", "I"), 0xDE: ("map", "H"), 0xDF: ("map", "I")},
}


def time(data: bytes) -> Time:
    match len(data):
        case 4:
            seconds, nanoseconds = int.from_bytes(data, "big"), 0
        case 8:
            nanoseconds, seconds = divmod(int.from_bytes(data, "big"), 1 << 34)
        case 12:
            nanoseconds, seconds = struct.unpack(">Iq", data)
        case _:
            raise Refused("a time has 4, 8 or 12 bytes")
    if nanoseconds >= 10**9:
        raise Refused("a second has fewer parts")
    return Time(seconds, nanoseconds)


def hashed(value: Any) -> Any:
    """Return what can be a member of a set or a key of a map."""
    if isinstance(value, Array) and value.shape:
        raise Refused("an array cannot be hashed")
    if isinstance(value, tuple):
        return tuple(map(hashed, value))
    try:
        hash(value)
    except TypeError as error:
        raise Refused("it cannot be hashed") from error
    return value


def array(described: Any, elements: bytes) -> Array:
    match described:
        case [str() as type_, [*shape], offset] if TYPE.fullmatch(type_):
            multiple = TYPE.fullmatch(type_)[1]
        case _:
            raise Refused("this is no array")
    if multiple is not None and not 2 <= int(multiple) < 2**31:
        raise Refused("such a unit has no array")
    if len(shape) > 32 or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
        raise Refused("an array has no such sizes")
    width = int(type_[2:].partition("[")[0])
    if width * prod(size for size in shape if size) >= 2**63:
        raise Refused("an array is too large")
    if type(offset) is not int or offset < 0 or offset % 64:
        raise Refused("elements have no such place")
    length = width * prod(shape)
    if offset + length > len(elements):
        raise Refused("the elements are not all there")
    return Array(type_, tuple(shape), elements[offset : offset + length])
