"""Statistics of numbers that belong to people, by groups, where small groups are not told.

`summarise(values, groups)` takes an array of numbers and the group of each, and gives a list of
dicts, one for each group of at least 10 values in the groups' order: "group", "count", "mean",
"deviation" and "quartiles", rounded to three significant digits. Of the rest it says how many
groups and values there were.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import pycape

SMALLEST_GROUP = 10
MOST_VALUES = 4_000_000
DIGITS = 3


@pycape.function
def summarise(values: np.ndarray, groups: Sequence[str]) -> dict[str, Any]:
    numbers = checked(values)
    if len(groups) != len(numbers):
        raise ValueError(f"there are {len(numbers):,} values, and groups for {len(groups):,}")
    names, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    told, counts = [], np.bincount(members, minlength=len(names))
    for index, name in enumerate(names):
        if counts[index] >= SMALLEST_GROUP:
            told.append({"group": str(name), **statistics(numbers[members == index])})
    small = counts[counts < SMALLEST_GROUP]
    return {"groups": told, "left_out": {"groups": len(small), "values": int(small.sum())}}


def checked(values: np.ndarray) -> np.ndarray:
    numbers = np.asarray(values)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        raise TypeError("values is an array of numbers with one dimension")
    if not 1 <= len(numbers) <= MOST_VALUES:
        raise ValueError(f"there are {len(numbers):,} values; 1 to {MOST_VALUES:,} are summarised")
    if not np.isfinite(numbers).all():
        raise ValueError("values has an infinite value, or one that is no number")
    return numbers.astype(float)


def statistics(numbers: np.ndarray) -> dict[str, Any]:
    """Rounded: two summaries of nearly the same values tell little by their difference."""
    quartiles = np.quantile(numbers, [0.25, 0.5, 0.75])
    return {
        "count": len(numbers),
        "mean": rounded(numbers.mean()),
        "deviation": rounded(numbers.std(ddof=1)),
        "quartiles": [rounded(each) for each in quartiles],
    }


def rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
