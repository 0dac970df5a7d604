import runpy

import numpy as np
import pytest

from pycape import errors, serde

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def summarise(folder):
    """The function as whoever calls it has it."""
    return runpy.run_path(str(folder / "app.py"))["summarise"]


@pytest.fixture(scope="module")
def remote(cape, function, summarise):
    return summarise.on(cape, function).remote


def test_large_groups_are_told_and_small_ones_are_not(summarise, remote, run):
    values = np.arange(30)
    groups = ["b"] * 12 + ["a"] * 10 + ["c"] * 8
    answer = remote(values, groups)
    assert (
        answer
        == summarise(values, groups)
        == serde.deserialize(run(serde.serialize(values, groups)))
    )
    assert answer == {
        "groups": [
            {
                "group": "a",
                "count": 10,
                "mean": 16.5,
                "deviation": 3.03,
                "quartiles": [14.2, 16.5, 18.8],
            },
            {
                "group": "b",
                "count": 12,
                "mean": 5.5,
                "deviation": 3.61,
                "quartiles": [2.75, 5.5, 8.25],
            },
        ],
        "left_out": {"groups": 1, "values": 8},
    }


def test_statistics_are_rounded(remote):
    [told] = remote(np.full(10, 123_456), ("a",) * 10)["groups"]
    assert (told["mean"], told["deviation"]) == (123_000.0, 0.0)


@pytest.mark.parametrize(
    ("values", "groups", "kind", "said"),
    [
        (np.zeros(3), ["a"], "ValueError", "there are 3 values, and groups for 1"),
        (np.zeros(2), ["a", 1], "ValueError", "a group is a text of at most 100 characters"),
        (np.zeros(1), ["a" * 101], "ValueError", "a group is a text of at most 100 characters"),
        (np.zeros(0), [], "ValueError", "there are 0 values; 1 to 4,000,000 are summarised"),
        (np.array([1.0, np.nan]), ["a", "a"], "ValueError", "values has an infinite value"),
        (np.zeros((2, 2)), ["a", "a"], "TypeError", "values is an array of numbers with one dim"),
        ([[1], [2, 3]], ["a", "a"], "ValueError", "inhomogeneous"),
        (["x", "y"], ["a", "a"], "TypeError", "values is an array of numbers with one dim"),
    ],
)
def test_what_cannot_be_summarised_is_refused(remote, values, groups, kind, said):
    with pytest.raises(errors.FunctionError, match=said) as refused:
        remote(values, groups)
    assert refused.value.type == kind
