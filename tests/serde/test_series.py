"""What a generator yields, as bytes and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycape import serde
from pycape.serde._series import MARK, OutputReader, deserialize_output, member

VALUES = st.lists(st.integers(0, 10) | st.binary(max_size=40) | st.lists(st.text(max_size=5)))


def series(values) -> bytes:
    return MARK + b"".join(piece for value in values for piece in member(serde.serialize(value)))


@settings(deadline=None)
@given(VALUES)
def test_values_come_back(values):
    assert deserialize_output(series(values)) == values


@settings(deadline=None)
@given(VALUES, st.data())
def test_pieces_may_be_cut_anywhere(values, data):
    whole, reader, got, given_already = series(values), OutputReader(), [], 0
    for end in sorted(data.draw(st.lists(st.integers(0, len(whole))))):
        got += reader.add(whole[given_already:end])
        given_already = end
    got += reader.add(whole[given_already:])
    assert [*got, *reader.end()] == values


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30)))
def test_one_value_is_no_series(pieces):
    reader = OutputReader()
    data = serde.serialize(pieces)
    got = [value for number in range(len(data)) for value in reader.add(data[number : number + 1])]
    assert got == []
    assert [*reader.end()] == [pieces] == [deserialize_output(data)]


def test_what_is_cut_off_or_none_is_refused():
    whole = series([1, b"two"])
    for size in range(len(whole)):
        if whole[:size] not in (MARK, series([1])):
            with pytest.raises(ValueError, match=r"no values|no text"):
                deserialize_output(whole[:size])
    for data in (b"", b"no", MARK + bytes(8), MARK + b"\xff" * 8 + b"text"):
        with pytest.raises(ValueError, match=r"no values|no text"):
            deserialize_output(data)


def test_a_large_member_is_neither_copied_when_it_is_sent_nor_when_it_comes_whole():
    text = serde.serialize(np.ones(100_000))
    _, sent = member(text)
    assert sent is text
    reader = OutputReader()
    [array] = reader.add(series([np.ones(100_000)]))
    assert array.sum() == 100_000
    assert not array.flags.owndata


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_whatever_is_read_is_values_or_refused(data):
    for output in (data, MARK + data, series([1]) + data, MARK + len(data).to_bytes(8) + data):
        try:
            deserialize_output(output)
        except ValueError as error:
            assert str(error)
