"""Bytes of strangers: a value or an error that says why there is none, in bounded depth."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycape import serde

WHOLE = serde.serialize((1, "a", {2}, 1j), np.arange(6).reshape(2, 3), k=[np.zeros(2)])


def read(data) -> None:
    """Read it: a value, or an error that says that there is none."""
    try:
        serde.deserialize(data, as_signature=True)
    except ValueError as error:
        assert str(error)


def test_whatever_is_cut_off_is_missed():
    for length in range(len(WHOLE)):
        with pytest.raises(ValueError, match=r"."):
            serde.deserialize(WHOLE[:length])


@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_changed_bits(bit):
    changed = bytearray(WHOLE)
    changed[bit // 8] ^= 1 << bit % 8
    read(changed)


@given(st.binary(max_size=200))
def test_anything(data):
    read(data)
    read(b"\x81\xad_serdio_args_" + data)
    read(WHOLE[: len(WHOLE) // 2] + data)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1, 2],
        None,
        {},
        {"_serdio_args_": 1},
        {"_serdio_args_": {}},
        {"_serdio_args_": msgpack.ExtType(0, b"x")},
        {"_serdio_kwargs_": {}},
    ],
    ids=repr,
)
def test_what_are_no_arguments(values):
    with pytest.raises(ValueError, match="no arguments"):
        serde.deserialize(msgpack.packb(values))


@pytest.mark.parametrize("named", [1, None, [], "ab", {1: 2}, {b"a": 1}], ids=repr)
def test_what_are_no_named_arguments(named):
    data = msgpack.packb({"_serdio_args_": [], "_serdio_kwargs_": named})
    with pytest.raises(ValueError, match="no map with names"):
        serde.deserialize(data, as_signature=True)


def of(code: int, content: bytes) -> bytes:
    return msgpack.packb({"_serdio_args_": [msgpack.ExtType(code, content)]})


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (1, msgpack.packb([1])),
        (1, msgpack.packb([1, "2"])),
        (1, msgpack.packb({"a": 1, "b": 2})),
        (2, msgpack.packb(1)),
        (2, msgpack.packb({})),
        (2, b""),
        (2, b"\x90\x90"),
        (3, msgpack.packb([[]])),
        (4, msgpack.packb([{}])),
        (3, msgpack.packb("abc")),
    ],
    ids=repr,
)
def test_members_of_another_form(code, content):
    with pytest.raises(ValueError, match=r"."):
        serde.deserialize(of(code, content))


def test_kinds_that_nobody_knows_stay_as_they_are():
    assert serde.deserialize(of(77, b"x")) == msgpack.ExtType(77, b"x")


def test_levels_within_each_other_are_bounded():
    content = b"\x90"
    for _ in range(5000):
        content = msgpack.packb([msgpack.ExtType(2, content)])
    with pytest.raises(ValueError, match="more than 100 levels"):
        serde.deserialize(of(2, content))
    with pytest.raises(ValueError, match="Stack"):
        serde.deserialize(b"\x81\xad_serdio_args_" + b"\x91" * 100_000 + b"\x90")


def test_sizes_that_are_only_said_cost_nothing():
    for head in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        with pytest.raises(ValueError, match=r"."):
            serde.deserialize(b"\x81\xad_serdio_args_" + head)


def test_text_is_no_bytes():
    with pytest.raises(TypeError):
        serde.deserialize("text")
