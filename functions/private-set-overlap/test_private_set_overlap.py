import json

import pytest

from pycape.errors import DecryptFailed, FunctionError, UseForbidden

AGREEMENT = "a phrase of the two"


def a_list(party: str, *values: str, show: str = "size", agreement: str = AGREEMENT) -> bytes:
    fields = {"party": party, "agreement": agreement, "show": show, "values": values}
    return json.dumps(fields).encode()


@pytest.fixture(scope="module")
def compare(cape, function):
    """Call with two lists, one connection for each comparison, and return the answer."""

    def compare(first: bytes, second: bytes) -> dict:
        with cape.function_context(function, None) as overlap:
            assert overlap.invoke(first) == b'{"waiting": true}'
            return json.loads(overlap.invoke(second))

    return compare


def test_three_accounts_of_which_none_sees_a_list_of_another(cape, function, another, folder):
    """The function's owner lets one of two parties call it, who has the other's ciphertext."""
    north, south = another("north"), another("south")
    owner = cape.account_id
    for party in (north, south):
        assert party.verify_function(folder, function.id).checksum == function.checksum
    lists = [
        north.encrypt(a_list("north", "a", "b", "c"), recipient=owner, functions=[function]),
        south.encrypt(a_list("south", "c", "d"), recipient=owner, functions=[function]),
    ]
    token = cape.create_token(function, expires="1h")
    with south.function_context(function, token) as overlap:
        assert overlap.invoke(lists[0]) == b'{"waiting": true}'
        assert overlap.invoke(lists[1]) == b'{"size": 1}'


def test_values_are_told_if_both_parties_say_so(compare):
    both = compare(a_list("n", " Ann", "bob", show="values"), a_list("s", "ANN ", show="values"))
    assert both == {"size": 1, "values": ["ann"]}
    for shows in (("values", "size"), ("size", "values"), ("size", "size")):
        lists = (a_list(name, "Ann", show=show) for name, show in zip("ns", shows, strict=True))
        assert compare(*lists) == {"size": 1}


def test_values_are_compared_as_people_read_them(compare):
    values = ["STRASSE", "\N{ANGSTROM SIGN}", " x "]
    others = ["stra\N{LATIN SMALL LETTER SHARP S}e", "a\N{COMBINING RING ABOVE}", "X", "y"]
    assert compare(a_list("n", *values), a_list("s", *others)) == {"size": 3}


def test_lists_without_common_values_have_none(compare):
    assert compare(a_list("n"), a_list("s", "x", show="values")) == {"size": 0}


def test_who_does_not_know_the_agreement_learns_nothing(compare):
    with pytest.raises(FunctionError, match="the two lists have different agreements"):
        compare(a_list("n", "a"), a_list("s", "a", agreement="a phrase of a third"))


def test_one_party_is_not_two(compare):
    """Nobody learns how long a list is by calling with it twice."""
    with pytest.raises(FunctionError, match="both lists are of one party"):
        compare(a_list("n", "a", "b"), a_list("n", "a", "b"))


def test_a_failed_comparison_leaves_nothing_behind(cape, function):
    with cape.function_context(function, None) as overlap:
        overlap.invoke(a_list("n", "a"))
        with pytest.raises(FunctionError):
            overlap.invoke(a_list("n", "a"))
        assert overlap.invoke(a_list("s", "a")) == b'{"waiting": true}'


def test_no_connection_has_the_list_of_another(cape, function):
    with (
        cape.function_context(function, None) as one,
        cape.function_context(function, None) as other,
    ):
        for overlap in (one, other):
            assert overlap.invoke(a_list("n", "a")) == b'{"waiting": true}'


def test_no_other_function_of_the_account_opens_a_list(cape, function, gallery):
    sealed = cape.encrypt(a_list("n", "a"), functions=[function])
    echo = cape.deploy(gallery / "echo")
    with pytest.raises((UseForbidden, DecryptFailed)):
        cape.run(echo, None, sealed)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no JSON", "a list is JSON with the texts party, agreement, show, values"),
        (b"[1]", "a list is JSON with the texts party, agreement, show, values"),
        (a_list("n", "a").replace(b'["a"]', b'"a"'), "a list is JSON with the texts"),
        (a_list("n", "a").replace(b'"a"]', b"17]"), "a list is JSON with the texts"),
        (a_list("n", agreement="\ud800" * 17), "a list is JSON with the texts"),
        (a_list("n", agreement="short"), "an agreement has 16 characters or more"),
        (a_list("n", show="all"), '"show" is "size" or "values"'),
    ],
)
def test_what_is_no_list_is_refused_without_being_repeated(cape, function, data, said):
    with pytest.raises(FunctionError, match=said) as refused:
        cape.run(function, None, data)
    assert "17" not in refused.value.message
