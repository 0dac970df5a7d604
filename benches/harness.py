"""Taking turns: what disturbs one contender of a comparison disturbs the others as well."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

_TURN_SECONDS = 0.02
_MAX_LAPS_A_TURN = 200
_MIN_TURNS = 3


class UnavailableError(Exception):
    """A contender cannot run here; the message says why."""


@dataclass(frozen=True)
class Contender:
    """Something to be timed: `run(n)` does it n times and returns the seconds of each."""

    name: str
    run: Callable[[int], list[float]]

    @classmethod
    def of(cls, name: str, work: Callable[[], object], *, rest: float = 0) -> Contender:
        """Time a function of this process, after so many seconds of rest each time."""

        def lap() -> float:
            time.sleep(rest)
            start = time.perf_counter()
            work()
            return time.perf_counter() - start

        return cls(name, lambda laps: [lap() for _ in range(laps)])


class Sample:
    """What a contender took, lap by lap, in seconds (or another unit, where a suite says so)."""

    def __init__(self, laps: Sequence[float]) -> None:
        if not laps:
            raise ValueError("a sample has at least one lap")
        self._laps = tuple(laps)

    @cached_property
    def _sorted(self) -> list[float]:
        return sorted(self._laps)

    def __len__(self) -> int:
        return len(self._laps)

    def percentile(self, percent: float) -> float:
        """Return the value that so many percent of laps do not exceed, interpolated."""
        position = (len(self._sorted) - 1) * percent / 100
        below = int(position)
        above = min(below + 1, len(self._sorted) - 1)
        part = position - below
        return self._sorted[below] * (1 - part) + self._sorted[above] * part

    @property
    def median(self) -> float:
        """Half of the laps took longer."""
        return self.percentile(50)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a part of the median; 0 of nothing."""
        if self.median == 0:
            return 0
        return (self.percentile(75) - self.percentile(25)) / 2 / self.median


def race(contenders: Sequence[Contender], seconds: float) -> dict[str, Sample]:
    """Run contenders in turns, A B C A B C, for so many seconds, and return their samples.

    Each begins with laps that do not count. One that is unavailable is left out, and stderr told.
    """
    running = []
    for contender in contenders:
        try:
            running.append((contender, _laps_a_turn(contender)))
        except UnavailableError as reason:
            print(f"{contender.name} is left out: {reason}", file=sys.stderr)
    laps: dict[str, list[float]] = {contender.name: [] for contender, _ in running}
    end, turns = time.perf_counter() + seconds, 0
    while running and (turns < _MIN_TURNS or time.perf_counter() < end):
        for contender, count in running:
            laps[contender.name] += contender.run(count)
        turns += 1
    return {name: Sample(taken) for name, taken in laps.items()}


def _laps_a_turn(contender: Contender) -> int:
    """Return how many laps make a turn that is long beside the change from one to the next."""
    contender.run(1)  # whatever is only done once
    start = time.perf_counter()
    contender.run(1)
    return max(1, min(_MAX_LAPS_A_TURN, int(_TURN_SECONDS / (time.perf_counter() - start))))
