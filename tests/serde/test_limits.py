"""What a text may cost: memory by its length, steps by the number of its keys."""

import ast
import itertools
import re
import struct
import subprocess
import sys
import tracemalloc
from fractions import Fraction

import msgpack
import numpy as np
import pytest
from pages import ROOT

from pycape import serde
from pycape.serde import _collisions, _decoder, _encoder, _limits

from .test_round_trips import Point, as_map, as_point

ARGS = b"\x81\xad_serdio_args_"


def test_as_many_small_dicts_are_too_many_as_the_guide_says():
    page = (ROOT / "docs/guide/values.md").read_text("utf-8")
    [[told, example]] = re.findall(r"([\d.]+) million\s+dicts like `(.+)` are too many", page)
    each = ast.literal_eval(example)
    most = int(float(told) * 1_000_000)
    with pytest.raises(ValueError, match="may weigh"):
        serde.serialize([each] * most)
    assert serde.serialize([each] * (most - 100_000))


def text_of(value: bytes) -> bytes:
    """Return a text with one argument that is MessagePack already."""
    return ARGS + extension(2, b"\x91" + value)


def extension(code: int, content: bytes) -> bytes:
    return msgpack.packb(msgpack.ExtType(code, content))


def peak_of_reading(text: bytes) -> tuple[int, Exception | None]:
    """Return the bytes of memory that are in use at most, and what is raised."""
    error = None
    tracemalloc.start()
    try:
        serde.deserialize(text)
    except ValueError as caught:
        error = caught.with_traceback(None)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, error


def tuples(levels: int, content: bytes) -> bytes:
    for _ in range(levels):
        content = extension(2, b"\x91" + content)
    return content


def array(count: int, members: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + members


def repeated(member: bytes, length: int, members: int = 1) -> bytes:
    """Return an array of about so many bytes."""
    count = length // len(member)
    return array(count * members, member * count)


LENGTH = 300_000
DENSE = {
    "empty lists": repeated(b"\x90", LENGTH),
    "empty maps": repeated(b"\x80", LENGTH),
    "lists of one": repeated(b"\x91\x00", LENGTH),
    "maps of one": repeated(b"\x81\x00\x00", LENGTH),
    "maps of six": repeated(b"\x86" + bytes(range(12)), LENGTH),
    "small numbers below zero": repeated(b"\xe0", LENGTH),
    "numbers": repeated(b"\xcd\x03\xe8", LENGTH),
    "letters": repeated(b"\xa2\xd0\x96", LENGTH),
    "empty tuples": repeated(extension(2, b"\x90"), LENGTH),
    "tuples of one": repeated(extension(2, b"\x91\x00"), LENGTH),
    "sets of one": repeated(extension(3, b"\x91\x00"), LENGTH),
    "sets of five": repeated(extension(3, b"\x95\x00\x01\x02\x03\x04"), LENGTH),
    "frozensets of five": repeated(extension(4, b"\x95\x00\x01\x02\x03\x04"), LENGTH),
    "rows of lists": repeated(b"\x93\x90\x90\x90", LENGTH),
    "letters far from latin": msgpack.packb("a" * LENGTH + "\U0001f600"),
    "bytes": msgpack.packb(bytes(LENGTH)),
    "nested tuples": tuples(97, msgpack.packb(bytes(LENGTH))),
    "nested tuples of lists": tuples(97, repeated(b"\x90", LENGTH)),
    "a map with one key": b"\xdf" + struct.pack(">I", LENGTH // 2) + bytes(LENGTH),
}


@pytest.fixture
def narrow(monkeypatch):
    """Limits for texts of some hundred kilobytes, as they are for others."""
    base = 1 << 20
    monkeypatch.setattr(_limits, "BASE", base)
    light = base // (96 + 100 - _limits.PER_BYTE)
    for module in (_limits, _decoder, _encoder):
        monkeypatch.setattr(module, "LIGHT", light)
    return base


@pytest.mark.parametrize("value", DENSE.values(), ids=DENSE)
def test_memory_is_a_small_multiple_of_the_text(value, narrow):
    text = text_of(value)
    peak, _ = peak_of_reading(text)
    assert peak < 2 * narrow + 32 * len(text)


def test_what_weighs_too_much_is_refused_with_its_numbers(narrow):
    text = text_of(DENSE["empty lists"])
    weight = narrow + 16 * len(text)
    with pytest.raises(ValueError, match=rf"a text of {len(text)} bytes may weigh {weight} bytes"):
        serde.deserialize(text)
    for name in ("numbers", "letters", "bytes"):
        serde.deserialize(text_of(DENSE[name]))


def test_a_text_that_is_light_is_not_weighed():
    longest = _limits.LIGHT - 30
    assert len(serde.deserialize(text_of(repeated(b"\x90", longest)))) == longest


@pytest.mark.parametrize(
    "value",
    [[[]] * LENGTH, ([], [()] * LENGTH), {"a": [{}] * LENGTH}, [{n} for n in range(LENGTH // 4)]],
    ids=["lists", "tuples", "maps", "sets"],
)
def test_what_would_not_be_read_is_not_written(value, narrow):
    with pytest.raises(ValueError, match="its values weigh more"):
        serde.serialize(value)
    with pytest.raises(ValueError, match="its values weigh more"):
        serde.serialize(value, np.arange(3))


def test_what_is_heavy_and_allowed_is_written_and_read(narrow):
    value = {"a": [(n, {n + 0.5}, f"{n}") for n in range(3000)], "b": np.arange(4)}
    data = serde.serialize(value, [Point(n, 2) for n in range(3000)], encoder=as_map)
    back, points = serde.deserialize(data, as_point)
    assert back["a"] == value["a"]
    assert back["b"].tolist() == [0, 1, 2, 3]
    assert points == [Point(n, 2) for n in range(3000)]


def test_a_set_of_what_a_decoder_makes_of_maps_is_written_however_long(narrow):
    data = serde.serialize({*map(Fraction, range(3000))}, encoder=lambda value: {"n": int(value)})
    back = serde.deserialize(data, lambda value: Fraction(value["n"]) if "n" in value else value)
    assert back == {*map(Fraction, range(3000))}


@pytest.mark.parametrize("length", [3000, 60_000])
@pytest.mark.parametrize("within", [lambda text: ARGS + text, text_of], ids=["args", "a tuple"])
def test_lists_in_lists_that_only_say_their_sizes_take_little(length, within):
    head = array(length, b"")
    text = within(head * min(1000, length // 8) + bytes(length // 2))
    peak, error = peak_of_reading(text)
    assert error
    assert peak < 40 << 20


def test_deep_values_are_read_on_a_small_stack():
    code = """
import threading
from pycape import serde
value = ()
for _ in range(98):
    value = (value,)
data = serde.serialize(value)
threading.stack_size(512 * 1024)
thread = threading.Thread(target=lambda: print(serde.deserialize(data) == value))
thread.start()
thread.join()
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert found.stdout.split() == [b"True"]


@pytest.mark.parametrize("content", [b"", b"\x91", b"\x90\x90", b"\x91\xc1"], ids=repr)
def test_deep_texts_are_looked_at_as_others_are(content):
    for levels in range(8):
        with pytest.raises(ValueError, match="no text of this format"):
            serde.deserialize(text_of(tuples(levels, extension(2, content))))


@pytest.fixture
def judged(monkeypatch):
    """Let time fly, so that whatever is large is looked at."""
    monkeypatch.setattr(_collisions, "_clock", itertools.count(0, 1 << 60).__next__)


def complex_numbers(count: int) -> list[complex]:
    """Return complex numbers with one hash: that of the real part and a multiple of the other."""
    return [complex(-sys.hash_info.imag * number, number) for number in range(1, count + 1)]


def tuples_of_numbers(count: int) -> list[tuple[tuple[int, complex], int]]:
    return [((1, number), 2) for number in complex_numbers(count)]


def numbers_on_one_way(most: int) -> list[int]:
    """Return integers with a hash each, of which the last ones go all the way of the others.

    The first ones take places that a dict's table visits one after the other. The last ones differ
    in their upper bits, come to that way by and by, and find no free place before its end.
    """
    mask, upper = (1 << 13) - 1, np.random.default_rng(1)
    way, place = [], 7
    for _ in range(most - most // 10):
        way.append(place)
        place = (5 * place + 1) & mask
    taken, last = {*way}, set()
    while len(last) < most // 10:
        number = bits = way[0] | int(upper.integers(1 << 20)) << 40
        place = number & mask
        for _ in range(13):
            bits >>= 5
            place = (5 * place + bits + 1) & mask
            if place not in taken:
                break
        else:
            last.add(number)
    return [*way, *sorted(last)]


def set_text(members: list, code: int) -> bytes:
    return text_of(extension(code, packed(members)))


def map_text(keys: list) -> bytes:
    members = b"".join(packed(key) + b"\xc0" for key in keys)
    return text_of(b"\xdf" + struct.pack(">I", len(keys)) + members)


def packed(value: object) -> bytes:
    return _encoder._Encoding(None).pack(value)


@pytest.mark.parametrize("code", [3, 4])
@pytest.mark.parametrize("chosen", [complex_numbers(3000), tuples_of_numbers(3000)], ids=type)
def test_members_that_were_chosen_to_collide_are_refused(chosen, code, judged):
    assert len({*map(hash, chosen[:100])}) == 1
    with pytest.raises(ValueError, match=r"3000 members of a set .* chosen to collide"):
        serde.deserialize(set_text(chosen, code))


@pytest.mark.parametrize("decoder", [None, lambda value: value])
@pytest.mark.parametrize(
    "chosen",
    [complex_numbers(3000), tuples_of_numbers(3000), numbers_on_one_way(5400)],
    ids=["complex", "tuples", "different hashes"],
)
def test_keys_that_were_chosen_to_collide_are_refused(chosen, decoder, judged):
    with pytest.raises(ValueError, match=rf"{len(chosen)} .* keys of a dict .* chosen to collide"):
        serde.deserialize(map_text(chosen), decoder)


def test_what_takes_long_is_refused_by_the_thread_s_own_time():
    with pytest.raises(ValueError, match="chosen to collide"):
        serde.deserialize(set_text(complex_numbers(20_000), 3))


class Counted:
    """A key that tells how often it is compared; all have one hash."""

    compared = 0

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return self is other


@pytest.mark.parametrize(
    "make", [_collisions.set_of, lambda keys: _collisions.dict_of([(key, None) for key in keys])]
)
def test_chosen_keys_are_compared_in_the_first_piece_only(make, judged):
    Counted.compared = 0
    with pytest.raises(ValueError, match="chosen to collide"):
        make([Counted() for _ in range(20_000)])
    assert Counted.compared <= _collisions.FEW**2


HONEST = {
    "a range": range(20_000),
    "below zero": range(-20_000, 0),
    "wide": np.random.default_rng(1).integers(2**64, size=20_000, dtype=np.uint64).tolist(),
    "times": range(1_700_000_000_000_000_000, 1_700_020_000_000_000_000, 1_000_000_000),
    "pages": range(0, 20_000 << 12, 1 << 12),
    "upper halves": [number << 32 for number in range(20_000)],
    "upper bits": [number << 48 for number in range(16_000)],
    "squares": [number**2 for number in range(20_000)],
    "numbers between 0 and 1": np.random.default_rng(2).random(20_000).tolist(),
    "tenths": [number / 10 for number in range(20_000)],
    "parts of 1024": [number / 1024 for number in range(20_000)],
    "parts of 2**40": [number / 2**40 for number in range(20_000)],
    "large": [number * 1e300 for number in range(20_000)],
    "powers of two": [2.0**number for number in range(-1000, 1000)],
    "odd ones and powers": [odd * 2.0**n for odd in range(1, 20, 2) for n in range(-900, 900)],
    "a grid": itertools.product(range(140), repeat=2),
    "a grid of halves": [(x / 2, y / 2) for x, y in itertools.product(range(140), repeat=2)],
    "a grid of complex numbers": [
        complex(x, y) for x, y in itertools.product(range(140), repeat=2)
    ],
    "pairs": [frozenset(pair) for pair in itertools.combinations(range(150), 2)],
    "words": map(str, range(20_000)),
    "lines": [f"{number}".encode() for number in range(20_000)],
    "bits": itertools.product((False, True), repeat=13),
}


@pytest.mark.parametrize("keys", [{*keys} for keys in HONEST.values()], ids=HONEST)
def test_honest_keys_are_read_even_if_they_take_long(keys, judged):
    assert serde.deserialize(serde.serialize(keys)) == keys
    ordered = dict.fromkeys(sorted(keys, key=repr))
    assert [*serde.deserialize(serde.serialize(ordered))] == [*ordered]


def test_large_maps_of_whatever_keys_come_back_as_small_ones_do():
    value = {
        "numbers": {number * 7: {"row": number} for number in range(1000)},
        "texts": {f"{number}": (number,) for number in range(1000)},
        "both": {**dict.fromkeys(range(500)), **dict.fromkeys(map(str, range(500)))},
        (1, 2): {frozenset({number}): number for number in range(300)},
    }
    assert serde.deserialize(serde.serialize(value)) == value
    points = {number: Point(number, 1) for number in range(1000)}
    assert serde.deserialize(serde.serialize(points, encoder=as_map), as_point) == points


def test_a_decoder_is_given_each_map_once():
    given = []
    value = {number: {"n": number} for number in range(1000)}
    data = serde.serialize(value)
    assert serde.deserialize(data, lambda value: given.append(1) or value) == value
    assert len(given) == 1000 + 2
