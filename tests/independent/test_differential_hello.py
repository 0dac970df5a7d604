"""ServerHellos of any form: the package's client and the second one judge them alike."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import cbor
from .enclave import read_query
from .errors import ProtocolError
from .frames import Direction
from .kem import LOW_ORDER, P
from .pair import Asked, Pair, document
from .strategies import ITEMS, OCTETS, altered, encoded_maps

OFFERS = st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4, unique=True)
NODES = st.binary(min_size=32, max_size=32)
SHARES = st.one_of(
    NODES,
    st.sampled_from([number.to_bytes(32, "little") for number in sorted(LOW_ORDER)]),
    st.sampled_from([(2**255 + n).to_bytes(32, "little") for n in (0, 1, P, P - 1)]),
)
many = settings(max_examples=150, deadline=None)


def agree(asked, server_hello):
    """Return the one verdict of both."""
    package = asked.package(server_hello)
    assert asked.other(server_hello) == package
    return package


@many
@given(OFFERS, st.lists(st.integers(1, 255), min_size=1, unique=True))
def test_the_query_of_the_package_is_read(offer, suites):
    asked = Asked(offer)
    known = [suite for suite in offer if suite in suites]
    if known:
        assert read_query(asked.query, suites) == (asked.nonce, offer, known[0])
    else:
        with pytest.raises(ProtocolError):
            read_query(asked.query, suites)


@many
@given(OFFERS, st.data())
def test_a_session_of_any_tree(offer, data):
    asked = Asked(offer)
    path = data.draw(st.lists(NODES, max_size=17))
    index = data.draw(st.integers(0, 2 ** len(path)))
    members = asked.members(data.draw(st.sampled_from(offer)), path, index)
    fits = len(path) <= 16 and index < 2 ** len(path)
    assert agree(asked, cbor.encode(members)) == (None if fits else "ProtocolError")


@many
@given(OFFERS, st.data())
def test_members_of_any_value(offer, data):
    asked = Asked(offer)
    members = asked.members(data.draw(st.sampled_from(offer)))
    server_hello = data.draw(encoded_maps(members))
    verdict = agree(asked, server_hello)
    assert (verdict is None) == (server_hello == cbor.encode(members))


@many
@given(st.data())
def test_one_member_of_another_value(data):
    asked = Asked([1, 2])
    members = asked.members(data.draw(st.sampled_from([1, 2])), [bytes(32)], 1)
    key = data.draw(st.sampled_from([*members]))
    entries = {cbor.encode(number): cbor.encode(value) for number, value in members.items()}
    entries[cbor.encode(key)] = data.draw(ITEMS)
    server_hello = cbor.head(cbor.MAP, 6) + b"".join(map(b"".join, sorted(entries.items())))
    verdict = agree(asked, server_hello)
    assert (verdict is None) == (server_hello == cbor.encode(members))


@pytest.mark.parametrize("key", [1, 6])
@pytest.mark.parametrize("value", [True, -1])
def test_a_number_that_passes_for_1_where_numbers_are_not_told_apart(key, value):
    asked = Asked([1])
    members = asked.members(1, [bytes(32)], 1)
    assert agree(asked, cbor.encode(members | {key: value})) == "ProtocolError"


@many
@given(st.data())
def test_an_altered_hello(data):
    asked = Asked([2])
    good = cbor.encode(asked.members(2))
    server_hello = data.draw(altered(good))
    assert (agree(asked, server_hello) is None) == (server_hello == good)


@many
@given(SHARES, st.sampled_from([1, 2, 3, 4]))
def test_a_share_of_any_value(share, suite):
    """The document answers another key: what is refused for the key is refused before that."""
    asked = Asked([suite])
    members = asked.members(suite)
    low = int.from_bytes(share, "little") % 2**255 in LOW_ORDER
    server_hello = cbor.encode(members | {3: members[3][:-32] + share})
    assert agree(asked, server_hello) == ("ProtocolError" if low else "NonceMismatch")


@many
@given(OFFERS, OFFERS, NODES, st.data())
def test_a_document_that_answers_another_handshake(offer, heard, nonce, data):
    """An offer that was cut on the way, another client's nonce, another suite, another tree."""
    asked, other = Asked(offer), Asked(heard)
    if data.draw(st.booleans()):
        other.nonce = asked.nonce
    suite = data.draw(st.sampled_from(offer))
    members = asked.members(suite)
    answered = other.members(data.draw(st.sampled_from([1, 2, 3, 4])))
    foreign = data.draw(st.sampled_from([answered[2], document(nonce)]))
    same = (other.nonce, heard, answered[1]) == (asked.nonce, offer, suite)
    expected = None if same and foreign == answered[2] else "NonceMismatch"
    assert agree(asked, cbor.encode(members | {2: foreign})) == expected


@many
@given(OCTETS)
def test_a_hello_that_is_none(octets):
    assert agree(Asked([1, 2, 3, 4]), octets) == "ProtocolError"


def test_a_hello_at_its_limit_and_above():
    for size, expected in ((36 * 1024, "ProtocolError"), (36 * 1024 + 1, "TooLarge")):
        assert agree(Asked([2]), bytes(size)) == expected


@pytest.mark.parametrize("suite", [1, 2, 3, 4])
def test_both_come_to_the_same_session(suite):
    pair = Pair(suite)
    pair.run(b"input")
    pair.establish()
    assert pair.keys.owner_session == pair.package.owner_session
    frame = Direction(pair.keys, "c2e").open(pair.opening)
    assert cbor.decode(frame.content)[9] == b"input"
