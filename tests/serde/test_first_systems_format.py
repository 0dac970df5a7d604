"""What serdio 3.1.1 writes is byte for byte what we write, and each reads the other."""

import pytest
import serdio
from hypothesis import given
from hypothesis import strategies as st

from pycape import serde

from .test_round_trips import VALUES, Point, as_map, as_point, kinds


@given(
    st.lists(VALUES, max_size=3),
    st.dictionaries(st.text().filter(lambda n: n != "encoder"), VALUES),
)
def test_both_write_the_same_bytes(args, kwargs):
    assert serde.serialize(*args, **kwargs) == serdio.serialize(*args, **kwargs)


@given(st.lists(VALUES.filter(lambda value: not has_number_keys(value)), max_size=3))
def test_both_read_the_same_values(args):
    data = serdio.serialize(*args)
    ours, theirs = serde.deserialize(data), serdio.deserialize(data)
    assert ours == theirs
    assert kinds(ours) == kinds(theirs)


def has_number_keys(value) -> bool:
    """Tell whether a map has keys that serdio writes and does not read."""
    match value:
        case dict():
            return any(
                isinstance(key, int) or has_number_keys(inner) for key, inner in value.items()
            )
        case list() | tuple() | set() | frozenset():
            return any(has_number_keys(inner) for inner in value)
    return False


@pytest.mark.parametrize(
    "value", [(Point(1, 2), [Point(3, 4)]), [(Point(1, 2),)], {"a": (1, Point(5, 6))}]
)
def test_hooks_mean_the_same(value):
    data = serdio.serialize(value, encoder=as_map)
    assert serde.serialize(value, encoder=as_map) == data
    assert serde.deserialize(data, as_point) == serdio.deserialize(data, as_point) == value


def test_its_hooks_are_ours():
    bundle = serdio.bundle_serde_hooks((as_map, as_point))
    for form in (bundle, bundle.to_dict(), bundle.unbundle(), [*bundle.unbundle()]):
        assert serde.bundle_serde_hooks(form).unbundle() == (as_map, as_point)


def test_a_decorated_handler_takes_what_we_write():
    @serdio.lift_io(encoder_hook=as_map, decoder_hook=as_point, as_handler=True)
    def cape_handler(point, factor):
        return {"scaled": (Point(point.x * factor, point.y * factor),)}

    data = cape_handler(serde.serialize(Point(1, 2), factor=3, encoder=as_map))
    assert serde.deserialize(data, as_point) == {"scaled": (Point(3, 6),)}
