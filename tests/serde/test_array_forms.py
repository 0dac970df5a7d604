"""Of the forms that the data of an array may have, those of the page are read, and no others."""

import itertools
import struct

import msgpack
import numpy as np
import pytest

from pycape import serde

# Room for elements behind the text.
ROOM = 256

ORDERS = ["", "<", ">", "|", "=", "!"]
SIZES = ["", "0", "1", "2", "4", "8", "12", "16", "32"]
KINDS = ["b", "i", "u", "f", "c", "m", "M", "O", "S", "U", "V", "?", "a"]
TIMES = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
UNITS = ["", "[]", *(f"[{unit}]" for unit in [*TIMES, "B", "generic"])]
MULTIPLES = ["0", "1", "2", "02", "25", "1000", "2147483647", "2147483648", "-1", "+2", " 2", "2_0"]
NAMES = [
    *map("".join, itertools.product(ORDERS, KINDS, SIZES)),
    *(f"{order}{kind}8{unit}" for order in ORDERS for kind in "mMif" for unit in UNITS),
    *(f"<M8[{multiple}s]" for multiple in MULTIPLES),
    *(f"<m8[{multiple}as]" for multiple in MULTIPLES),
    *[
        "<f8 ",
        " <f8",
        "<f8\n",
        "<F8",
        "<f8,<f8",
        "(2,)<f8",
        "float64",
        "\uff1cf8",
        "<f\u0668",
        "<M8[s]x",
    ],
    *[None, 1, True, b"<f8", ["<f8"], {"<f8": 1}],
]
NUMBERS = [0, 1, 2, 3, 4, 31, 32, 33, 63, 64, 65, 127, 128, 192, 248, 255, 256, 257, 2**48 - 1]
OTHERS = [2**48, 2**63, 2**64 - 1, -1, -64, True, False, 0.0, 64.0, "0", b"0", None, [], [0]]
SHAPES = [
    *([number] for number in [*NUMBERS, *OTHERS]),
    *([0, number] for number in [*NUMBERS, *OTHERS]),
    *[[], [1] * 32, [1] * 33, [2] * 5, [2**40, 2**40], [0, 2**47, 2**47], [4, 8], [8, 4]],
    *[None, 1, True, "1", b"1", {}, {"0": 1}],
]


def is_array(name, shape, offset) -> bool:
    """Tell what the page says: docs/spec/serde.md, arrays."""
    return (
        isinstance(name, str)
        and is_name(name)
        and isinstance(shape, list)
        and len(shape) <= 32
        and all(is_integer(size) and 0 <= size <= 2**48 - 1 for size in shape)
        and is_integer(offset)
        and offset >= 0
        and offset % 64 == 0
        and fits(shape, offset, width(name))
    )


def is_name(name: str) -> bool:
    order, kind, rest = name[:1], name[1:2], name[2:]
    if kind in ("m", "M") and rest[:1] == "8":
        return order in ("<", ">") and (rest == "8" or is_unit(rest[1:]))
    if kind + rest in ("b1", "i1", "u1"):
        return order == "|"
    sizes = {"i": "2 4 8", "u": "2 4 8", "f": "2 4 8", "c": "8 16"}
    return order in ("<", ">") and rest in sizes.get(kind, "").split()


def is_unit(unit: str) -> bool:
    name = unit[1:-1].lstrip("0123456789")
    number = unit[1 : -1 - len(name)]
    return (
        unit == f"[{number}{name}]"
        and name in TIMES
        and (not number or (number[0] != "0" and 2 <= int(number) < 2**31))
    )


def is_integer(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def width(name: str) -> int:
    return int(name[2:].partition("[")[0])


def fits(shape, offset, size) -> bool:
    whole, without_zeros = size, size
    for length in shape:
        whole *= length
        without_zeros *= length or 1
    return offset + whole <= ROOM and without_zeros < 2**63


def read(described) -> object:
    """Read a text with this array, or return the error."""
    data = msgpack.packb({"_serdio_args_": [msgpack.ExtType(5, msgpack.packb(described))]})[1:]
    before = b"\x82\xaf_pycape_length_\xcf"
    length = len(before) + 8 + len(data)
    whole = before + struct.pack(">Q", length) + data
    try:
        return serde.deserialize(whole + bytes(-length % 64 + ROOM))
    except ValueError as error:
        return error


def check(name, shape, offset) -> None:
    found = read([name, shape, offset])
    if is_array(name, shape, offset):
        assert not isinstance(found, Exception), (name, shape, offset, found)
        # Scalars of numpy have the machine's own order.
        order = name if shape else np.dtype(name).newbyteorder("=").str
        assert (found.dtype.str, [*found.shape]) == (order, shape)
    else:
        assert isinstance(found, ValueError), (name, shape, offset, found)
        assert "array" in str(found)


@pytest.mark.parametrize("shape", [[], [2], [4, 2]], ids=repr)
def test_types_of_elements(shape):
    for name in NAMES:
        check(name, shape, 64)
    assert sum(is_array(name, shape, 64) for name in NAMES) > 90


@pytest.mark.parametrize("name", ["|b1", "|u1", ">i2", "<f8", "<c16", "<M8[ns]", ">m8[25us]"])
def test_shapes_and_offsets(name):
    for shape, offset in itertools.product(SHAPES, [*NUMBERS, *OTHERS]):
        check(name, shape, offset)


@pytest.mark.parametrize(
    "described",
    [[], ["<f8", [1]], ["<f8", [1], 0, 0], {}, {"<f8": [1]}, None, 0, "<f8", b"<f8", "abc"],
    ids=repr,
)
def test_what_is_no_array_of_three(described):
    assert "array" in str(read(described))


def test_what_is_written_has_one_of_these_forms():
    for name in NAMES:
        if isinstance(name, str) and is_name(name):
            assert (
                serde.deserialize(serde.serialize(np.frombuffer(bytes(48), name))).dtype.str == name
            )
