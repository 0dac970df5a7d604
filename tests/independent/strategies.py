"""What hypothesis draws: CBOR in order and not, JSON, and texts that are nearly right."""

from typing import Any

from hypothesis import strategies as st

from . import cbor

INTEGERS = st.one_of(
    st.integers(-(2**64), 2**64 - 1),
    st.sampled_from([0, 1, 2, 3, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1]),
)
OCTETS = st.one_of(st.binary(max_size=50), st.binary(min_size=32, max_size=32))
LEAVES = st.one_of(st.none(), st.booleans(), INTEGERS, OCTETS, st.text(max_size=20))
KEYS = st.one_of(st.integers(-3, 12), st.integers(cbor.LEAST_KEY, 2**64 - 1), st.text(max_size=4))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
# Items that are not read: floats, an undefined, simple values, tags, strings in pieces, containers
# of indefinite length, a break, heads that are not the shortest, texts that are no UTF-8, nesting
# that is too deep, and keys that are byte strings, there twice, unsorted, or too far below zero.
ODD = st.sampled_from(
    [
        bytes.fromhex(item)
        for item in (
            *("f93c00", "fa3f800000", "fb3ff0000000000000", "f7", "e0", "f820", "c001", "d90001"),
            *("5f4101ff", "7f6101ff", "bfff", "9fff", "ff", "1801", "190001", "5801aa", "3800"),
            *("62c328", "63eda080", "8181818180", "a1400a", "a201000100", "a202000100", "1c", "fc"),
            *("a13b800000000000000000", "9f00ff"),
        )
    ]
)
ITEMS = st.one_of(VALUES.map(cbor.encode), ODD)


@st.composite
def encoded_maps(draw, good: dict[int, Any]):
    """Draw the encoding of a map: `good` with some entries changed, added, left out or moved."""
    entries = {cbor.encode(key): cbor.encode(value) for key, value in good.items()}
    for _ in range(draw(st.integers(0, 3))):
        key = cbor.encode(draw(st.one_of(st.sampled_from([*good]), KEYS)))
        if draw(st.booleans()):
            entries[key] = draw(ITEMS)
        else:
            entries.pop(key, None)
    pairs = sorted(entries.items())
    if draw(st.integers(0, 9)) == 0:
        pairs = draw(st.permutations(pairs))
    octets = cbor.head(cbor.MAP, len(pairs)) + b"".join(key + item for key, item in pairs)
    return draw(altered(octets)) if draw(st.integers(0, 4)) == 0 else octets


@st.composite
def altered(draw, octets: bytes):
    """Draw bytes of which some places have other bytes, none, or more."""
    for _ in range(draw(st.integers(1, 2))):
        begin = draw(st.integers(0, len(octets)))
        removed = draw(st.integers(0, 3))
        octets = octets[:begin] + draw(st.binary(max_size=3)) + octets[begin + removed :]
    return octets
