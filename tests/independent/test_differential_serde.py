"""Values of typed functions: two readers of one page."""

import struct
import sys

import msgpack
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.serde.test_array_forms import NAMES, NUMBERS, OTHERS, SHAPES
from tests.serde.test_round_trips import ARRAYS, VALUES

from pycape import serde as theirs
from pycape.serde._series import MARK, deserialize_output, member

from . import serde

WHOLE = theirs.serialize(
    (1, "a", {2}, 1j), np.arange(6).reshape(2, 3), [b"x", frozenset({1.5})], k={"m": np.zeros(2)}
)


def plain(value):  # noqa: PLR0911 - one for each kind
    """Return a value with its types: NaN is then itself, and 1, 1.0 and True differ."""
    match value:
        case dict():
            return "map", [(plain(key), plain(inner)) for key, inner in value.items()]
        case serde.Array():
            return "array", value.type, value.shape, value.elements
        case np.ndarray() | np.generic():
            return "array", value.dtype.str, value.shape, value.tobytes()
        case serde.Time(seconds=seconds, nanoseconds=nanoseconds):
            return "time", seconds, nanoseconds
        case msgpack.Timestamp(seconds=seconds, nanoseconds=nanoseconds):
            return "time", seconds, nanoseconds
        case serde.Other(code=code, data=data) | msgpack.ExtType(code=code, data=data):
            return "other", code, data
        case list() | tuple():
            return type(value).__name__, [*map(plain, value)]
        case set() | frozenset():
            return type(value).__name__, sorted(map(plain, value), key=repr)
    return type(value).__name__, repr(value)


def both(data: bytes) -> None:
    """Read with both: the same value, or none."""
    try:
        ours = plain(serde.read_output(data))
    except serde.Refused:
        ours = None
    try:
        others = plain(deserialize_output(data))
    except ValueError:
        others = None
    assert ours == others


@settings(max_examples=50)
@given(st.lists(VALUES, max_size=3), st.dictionaries(st.text(min_size=8), VALUES))
def test_values(args, kwargs):
    data = theirs.serialize(*args, **kwargs)
    assert plain(serde.read_arguments(data)) == plain((tuple(args), kwargs))


@given(ARRAYS, ARRAYS)
def test_arrays(one, other):
    for value in (one, (other.T, [one[..., :1]]), {"a": {1: other}}):
        data = theirs.serialize(value)
        assert plain(serde.read(data)) == plain(theirs.deserialize(data))


@settings(max_examples=30)
@given(st.lists(VALUES, max_size=4))
def test_series(values):
    output = MARK + b"".join(piece for value in values for piece in member(theirs.serialize(value)))
    assert plain(serde.read_output(output)) == plain(values)
    both(output[:-1])


@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_changed_bits(bit):
    changed = bytearray(WHOLE)
    changed[bit // 8] ^= 1 << bit % 8
    both(bytes(changed))


@given(st.integers(0, len(WHOLE)), st.binary(max_size=9))
def test_whatever_is_cut_off_or_put_in(place, more):
    both(WHOLE[:place])
    both(WHOLE[:place] + more + WHOLE[place:])


FIRST = st.sampled_from(range(256)).map(lambda first: bytes([first]))
ANYTHING = st.lists(FIRST | st.binary(max_size=3) | VALUES.map(lambda v: theirs.serialize(v)[16:]))


@given(ANYTHING.map(b"".join))
@example(b"\xd6\xff\x00\x00\x00\x01")
@example(b"\xd7\xff" + bytes(7) + b"\x01")
@example(b"\xd7\xff" + b"\xff" * 8)
@example(b"\xc7\x0c\xff" + b"\x3b\x9a\xc9\xff" + b"\xff" * 8)
@example(b"\xc7\x05\xff" + bytes(5))
@example(b"\xd4\x4d\x00")
@example(b"\xcb\x7f\xf8" + bytes(6))
@example(b"\xca\x3f\x80\x00\x00")
@example(b"\x82\x01\x02\x01\x03")
@example(b"\x81\x90\x01")
@example(b"\x81\xd4\x02\x90\x01")
@example(b"\xc7\x03\x01\x92\xc3\x01")
@example(b"\xa1\xff")
def test_whatever_is_in_its_place(value):
    both(b"\x81\xad_serdio_args_\x91" + value)


def nested(levels: int, code: int, inner: bytes) -> bytes:
    for _ in range(levels):
        inner = msgpack.packb(msgpack.ExtType(code, b"\x91" + inner))
    return inner


@pytest.mark.parametrize("code", [2, 4])
@pytest.mark.parametrize("levels", [1, 5, 99, 100, 101])
def test_codes_within_each_other(levels, code):
    both(b"\x81\xad_serdio_args_\x91" + nested(levels, code, b"\x01"))


@pytest.fixture
def deep():
    """Let Python recurse as deep as values lie within each other."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("levels", [1019, 1020, 1021, 1022, 1023, 1024, 2000])
@pytest.mark.parametrize("inner", [b"\x90", b"\x01", b"\x80"])
@pytest.mark.parametrize("head", [b"\x91", b"\x81\x00"])
def test_lists_and_maps_within_each_other(levels, inner, head, deep):
    both(b"\x81\xad_serdio_args_\x91" + head * levels + inner)
    both(b"\x81\xad_serdio_args_" + nested(1, 2, head * levels + inner))
    both(b"\x81\xad_serdio_args_" + nested(6, 2, head * levels + inner))


@given(
    st.sampled_from(NAMES),
    st.sampled_from(SHAPES) | st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from([*NUMBERS, *OTHERS]),
    st.sampled_from([0, 63, 64, 192]),
)
def test_forms_of_arrays(name, shape, offset, room):
    described = msgpack.packb([name, shape, offset])
    data = b"\xad_serdio_args_\x91" + msgpack.packb(msgpack.ExtType(5, described))
    before = b"\x82\xaf_pycape_length_\xcf"
    length = len(before) + 8 + len(data)
    whole = before + struct.pack(">Q", length) + data + bytes(-length % 64 + room)
    if shape == [] and isinstance(name, str) and name[:1] == ">":
        return  # Scalars of numpy have the machine's own order.
    if (
        isinstance(shape, list)
        and 0 in shape
        and isinstance(name, str)
        and name[1:] in ("m8", "M8")
    ):
        return  # So have its empty arrays of times without unit.
    both(whole)
    both(whole[: -room or None])
    both(whole[:length])
