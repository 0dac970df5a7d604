"""What measurements are held against, and how well they meet it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from .units import Unit, formatted

Verdict = Literal["Improved", "Equal", "Worse"]

# Within this part of the target it is met neither clearly nor missed clearly.
_TOLERANCE = 0.05


class Target(Protocol):
    """What a measurement is held against; `str` shows it."""

    def margin(self, ours: float, peer: float | None) -> float | None:
        """Return 1 where the target is just met, more where it is exceeded; None without a peer."""


@dataclass(frozen=True)
class TimeAtMost:
    """At most so many times the time of the peer."""

    ratio: float

    def __str__(self) -> str:
        return f"time <= {self.ratio:g}"

    def margin(self, ours: float, peer: float | None) -> float | None:
        """See `Target`."""
        return None if peer is None else self.ratio / (ours / peer)


@dataclass(frozen=True)
class SpeedAtLeast:
    """At least so many times as fast as the peer."""

    ratio: float

    def __str__(self) -> str:
        return f"speed >= {self.ratio:g}"

    def margin(self, ours: float, peer: float | None) -> float | None:
        """See `Target`."""
        return None if peer is None else (peer / ours) / self.ratio


@dataclass(frozen=True)
class AtMost:
    """At most this much, whoever else does it."""

    value: float
    unit: Unit = "seconds"

    def __str__(self) -> str:
        return f"<= {formatted(self.value, self.unit)}"

    def margin(self, ours: float, peer: float | None) -> float | None:
        """See `Target`."""
        del peer
        return self.value / ours if ours > 0 else math.inf


def verdict(target: Target | None, ours: float, peer: float | None) -> Verdict | None:
    """Return how a target was met; None where there is no target, or not what it compares with."""
    margin = None if target is None else target.margin(ours, peer)
    if margin is None:
        return None
    if margin > 1 + _TOLERANCE:
        return "Improved"
    return "Equal" if margin >= 1 - _TOLERANCE else "Worse"
