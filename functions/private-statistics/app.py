"""Statistics of numbers that belong to people, by groups, where small groups are not told.

`summarise(values, groups)` takes an array of numbers and the group of each. It gives a dict: under
"groups" a dict for each group of at least 10 values ("group", "count", "mean", "deviation",
"quartiles", rounded to three digits), under "left_out" how many groups and values the rest were.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import pycape

SMALLEST_GROUP = 10
MOST_VALUES = 4_000_000
LONGEST_NAME = 100
DIGITS = 3


@pycape.function
def summarise(values: np.ndarray, groups: Sequence[str]) -> dict[str, Any]:
    numbers = checked(values)
    if isinstance(groups, str) or len(groups) != len(numbers):
        raise ValueError(f"there are {len(numbers):,} values, and groups for {len(groups):,}")
    if not all(
        isinstance(each, str) and len(each) <= LONGEST_NAME and "\0" not in each for each in groups
    ):
        raise ValueError(
            f"a group is a text of at most {LONGEST_NAME} characters, none of them NUL"
        )
    names, members, counts = np.unique(
        np.asarray(groups, dtype=str), return_inverse=True, return_counts=True
    )
    parts = np.split(numbers[members.argsort(kind="stable")], counts.cumsum()[:-1])
    told = [
        {"group": str(name), **statistics(part)}
        for name, part in zip(names, parts, strict=True)
        if len(part) >= SMALLEST_GROUP
    ]
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
    """Rounded coarsely; yet who asks of groups that differ by one value learns of it."""
    quartiles = np.quantile(numbers, [0.25, 0.5, 0.75])
    return {
        "count": len(numbers),
        "mean": rounded(numbers.mean()),
        "deviation": rounded(numbers.std(ddof=1)),
        "quartiles": [rounded(each) for each in quartiles],
    }


def rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
