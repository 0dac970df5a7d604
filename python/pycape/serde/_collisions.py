"""Sets and dicts of keys that may have been chosen to collide. Spec: docs/spec/serde.md, limits.

Everybody knows the hash of a number, and of a tuple of numbers. Chosen ones have each the places of
all before it to look at, so that the time grows by the square of their count. Sets and dicts are
therefore made in pieces, and when a piece has taken long, the steps that CPython takes are counted
before it takes more of them. Honest keys are not slowed down, and are never refused for the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ._limits import TooCostlyError

# Jumps from place to place, for each key on average. Of honest keys none is known that take more
# than 64: the powers of two, of which every 61st has the same hash.
MOST_JUMPS = 128

# So few cannot make more; no piece has more.
FEW = 255

# Of the thread's own time, for each key; honest ones take about 100.
_LONG_NS = 5_000

_clock = time.thread_time_ns


def set_of(members: Sequence[Any]) -> set[Any]:
    """Return the set of what can be hashed.

    Raises:
        TooCostlyError: the members were chosen to collide.
        TypeError: one has no hash.
    """
    made: set[Any] = set()
    for _ in _in_pieces(made.update, members):
        _check(members, _jumps_of_set)
    return made


def dict_of(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the dict of pairs.

    Raises:
        As `set_of`.
    """
    made: dict[Any, Any] = {}
    for _ in _in_pieces(made.update, pairs):
        _check([key for key, _ in pairs], _jumps_of_dict)
    return made


def _in_pieces(add: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> Iterator[None]:
    """Add all, and stop once, if that takes long, for a look at what is added."""
    begun, was_looked_at = _clock(), len(items) <= FEW
    for start in range(0, len(items), FEW):
        add(items[start : start + FEW])
        if not was_looked_at and _clock() - begun > (start + FEW) * _LONG_NS:
            was_looked_at = True
            yield


def _check(keys: Sequence[Any], count_jumps: Callable[[list[int], int], int]) -> None:
    most = MOST_JUMPS * len(keys)
    if count_jumps([*map(hash, keys)], most) > most:
        raise TooCostlyError(
            f"{len(keys)} members of a set or keys of a dict were chosen to collide: finding their"
            f" places takes more than {MOST_JUMPS} jumps for each"
        )


def _jumps_of_dict(hashes: list[int], most: int) -> int:
    """Count what Objects/dictobject.c does, in each table that it outgrows."""
    size, held, jumps = 8, 5, 0
    while True:
        taken, mask = bytearray(size), size - 1
        for number in hashes[:held]:
            place, bits = number & mask, number & _ALL_BITS
            while taken[place]:
                bits >>= 5
                place = (5 * place + bits + 1) & mask
                jumps += 1
                if jumps > most:
                    return jumps
            taken[place] = 1
        if len(hashes) <= held:
            return jumps
        size = 1 << (3 * held - 1).bit_length()
        held = size * 2 // 3


def _jumps_of_set(hashes: list[int], most: int) -> int:
    """Count what Objects/setobject.c does: it looks at places in a row before it jumps."""
    size, held, jumps = 8, 5, 0
    while True:
        taken, mask = bytearray(size), size - 1
        for number in hashes[:held]:
            place, bits = number & mask, number & _ALL_BITS
            while (free := taken.find(0, place, _end_of_row(place, size))) < 0:
                bits >>= 5
                place = (5 * place + bits + 1) & mask
                jumps += 1
                if jumps > most:
                    return jumps
            taken[free] = 1
        if len(hashes) < held:
            return jumps
        size = 1 << (held * (2 if held > _LARGE_SET else 4)).bit_length()
        held = -(-(size - 1) * 3 // 5)


def _end_of_row(place: int, size: int) -> int:
    return place + _ROW if place + _ROW <= size else place + 1


_ALL_BITS = (1 << 64) - 1
_ROW = 10
_LARGE_SET = 50_000
