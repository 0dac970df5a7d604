"""What goes in comes out: values, arrays, types of one's own."""

import dataclasses
import tracemalloc
from collections import namedtuple
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pycape import serde

KEYS = st.text() | st.binary() | st.integers(-(2**63), 2**64 - 1)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
)
HASHABLE = st.recursive(
    LEAVES, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=5
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.sets(HASHABLE)
        | st.frozensets(HASHABLE)
    ),
    max_leaves=20,
)
DTYPES = (
    npst.boolean_dtypes()
    | npst.integer_dtypes()
    | npst.unsigned_integer_dtypes()
    | npst.floating_dtypes(sizes=(16, 32, 64))
    | npst.complex_number_dtypes(sizes=(64, 128))
    | npst.datetime64_dtypes()
    | npst.timedelta64_dtypes()
)
ARRAYS = DTYPES.flatmap(lambda dtype: npst.arrays(dtype, npst.array_shapes(min_side=0)))


@given(
    st.lists(VALUES, max_size=3),
    st.dictionaries(st.text().filter(lambda n: n != "encoder"), VALUES),
)
def test_values_come_back_with_their_types(args, kwargs):
    data = serde.serialize(*args, **kwargs)
    got = serde.deserialize(data, as_signature=True)
    assert got == (tuple(args), kwargs)
    assert kinds(got) == kinds((tuple(args), kwargs))


def kinds(value):
    """Return the types of a value and of all that is in it, by which 1, True and 1.0 differ."""
    match value:
        case dict():
            return dict, [(kinds(key), kinds(inner)) for key, inner in value.items()]
        case list() | tuple():
            return type(value), [kinds(inner) for inner in value]
        case set() | frozenset():
            return type(value), sorted(map(str, map(kinds, value)))
    return type(value)


def test_one_value_is_returned_as_it_is_and_more_as_a_tuple():
    assert serde.deserialize(serde.serialize([1])) == [1]
    assert serde.deserialize(serde.serialize((1, 2))) == (1, 2)
    assert serde.deserialize(serde.serialize(1, 2)) == (1, 2)
    assert serde.deserialize(serde.serialize()) == ()


@given(ARRAYS)
def test_arrays_come_back_wherever_they_are(array):
    nested = {"a": [array, (array.T, {"b": array})]}
    got = serde.deserialize(serde.serialize(nested, b=array[::2]), as_signature=True)
    (back,), kwargs = got
    for found, meant in [
        (back["a"][0], array),
        (back["a"][1][0], array.T),
        (back["a"][1][1]["b"], array),
        (kwargs["b"], array[::2]),
    ]:
        assert found.dtype == meant.dtype
        assert found.shape == meant.shape
        np.testing.assert_array_equal(found, meant)


@pytest.mark.parametrize(
    "value", [np.float32(2.5), np.array(2.5, ">f4"), np.bool_(1), np.int64(-1)]
)
def test_what_has_no_dimensions_is_a_scalar(value):
    got = serde.deserialize(serde.serialize(value))
    assert (type(got), got) == (type(value[()]), value)


def test_elements_are_copied_once_on_the_way_in_and_never_on_the_way_out():
    array = np.ones((1000, 2000)).T[::2]  # neither its rows nor its columns lie together
    tracemalloc.start()
    try:
        data = serde.serialize(array)
        assert tracemalloc.get_traced_memory()[1] < array.nbytes * 1.01
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        back = serde.deserialize(data)
        assert tracemalloc.get_traced_memory()[1] < before + 100_000
    finally:
        tracemalloc.stop()
    assert np.shares_memory(back, np.frombuffer(data, np.uint8))
    assert back.flags.aligned
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 2


def test_arrays_of_a_writable_buffer_are_read_only_too():
    back = serde.deserialize(bytearray(serde.serialize(np.arange(3))))
    assert not back.flags.writeable


@dataclasses.dataclass
class Point:
    x: float
    y: float


def as_map(value):
    return {"point": [value.x, value.y]} if isinstance(value, Point) else value


def as_point(value):
    return Point(*value["point"]) if "point" in value else value


@pytest.mark.parametrize(
    "hooks",
    [
        (as_map, as_point),
        [as_map, as_point],
        {"encoder_hook": as_map, "decoder_hook": as_point},
        serde.SerdeHookBundle(as_map, as_point),
    ],
)
def test_types_of_ones_own_become_maps_and_come_back(hooks):
    bundle = serde.bundle_serde_hooks(hooks)
    encoder, decoder = bundle.unbundle()
    assert bundle.to_dict() == {"encoder_hook": encoder, "decoder_hook": decoder}
    data = serde.serialize(Point(1, 2), [Point(3, 4)], encoder=encoder, named=Point(6, 7))
    got = serde.deserialize(data, decoder, as_signature=True)
    assert got == ((Point(1, 2), [Point(3, 4)]), {"named": Point(6, 7)})


def test_a_hook_may_make_a_tuple_or_an_array_of_it():
    def pair(value):
        return (value.x, value.y) if isinstance(value, Point) else value

    def array(value):
        return np.array([value.x, value.y]) if isinstance(value, Point) else value

    assert serde.deserialize(serde.serialize(Point(1, 2), encoder=pair)) == (1, 2)
    assert serde.deserialize(serde.serialize(Point(1, 2), encoder=array)).tolist() == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Point(1, 2),
        datetime.now(UTC),
        np.array([object()]),
        np.array(["text"]),
        np.zeros(2, [("a", "i4")]),
        np.ma.array([1, 2], mask=[0, 1]),
        np.longdouble(1),
        range(3),
        iter(()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_value_of_the_format_is_told_by_its_type(value):
    for place in (value, [value], (1, {"a": value})):
        with pytest.raises(TypeError, match="no type of this format"):
            serde.serialize(place)
    with pytest.raises(TypeError, match="no type of this format"):
        serde.serialize(value, encoder=lambda other: other)


def test_integers_texts_and_depths_have_limits():
    for number in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="more than 64 bits"):
            serde.serialize([number])
    with pytest.raises(ValueError, match="surrogates"):
        serde.serialize("\ud800")
    deep = ()
    for _ in range(98):
        deep = (deep,)
    assert serde.deserialize(serde.serialize(deep)) == deep
    # An array is no level.
    array = np.arange(3)
    for _ in range(99):
        array = (array,)
    assert str(serde.deserialize(serde.serialize(array))) == str(array)
    with pytest.raises(ValueError, match="more than 100 levels"):
        serde.serialize((deep,))
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="recursion limit"):
        serde.serialize(endless)


def test_subclasses_are_what_they_are_made_of_as_in_the_first_system():
    Pair = namedtuple("Pair", "a b")
    assert serde.deserialize(serde.serialize(Pair(1, 2))) == (1, 2)


@pytest.mark.parametrize("hooks", [1, (), (as_map,), (as_map, 1), {"encoder_hook": as_map}, "ab"])
def test_what_are_no_hooks_is_refused(hooks):
    with pytest.raises((TypeError, ValueError), match="hook"):
        serde.bundle_serde_hooks(hooks)


def test_a_single_hook_has_to_be_a_function():
    with pytest.raises(TypeError, match="encoder is a function, not int"):
        serde.serialize(1, encoder=1)
    with pytest.raises(TypeError, match="decoder is a function, not int"):
        serde.deserialize(b"", decoder=1)


def test_what_a_hook_raises_is_raised():
    def broken(_value):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        serde.serialize(Point(1, 2), encoder=broken)
    with pytest.raises(LookupError, match="mine"):
        serde.deserialize(serde.serialize({}), decoder=broken)


def test_a_buffer_with_gaps_is_refused():
    with pytest.raises(TypeError, match="contiguous"):
        serde.serialize(memoryview(bytes(9))[::2])
