"""Where enclaves were found: kept for a while, so that not every run asks the control plane.

A place is an address and no more. Whoever answers there proves itself each time.
Spec: docs/spec/control-plane.md, placement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from . import errors
from ._clock import now_ms

# Whatever the control plane says, and however wrong the clocks are.
_LONGEST = 300.0

_MOST = 256

# What tells that a place is not worth going to again, as far as a caller can know.
OF_NO_USE = (errors.AttestationError, errors.Overloaded, errors.TransportError)


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """Where an enclave takes sessions, and until when, by `time.monotonic()`.

    `purpose` is the control plane that named it, and the function it is for, or None.
    """

    url: str
    purpose: tuple[str, str | None]
    until: float


def placed(url: str, purpose: tuple[str, str | None], expires: int | None) -> Place:
    """Return the place of an answer that has just come; `expires` is in seconds since 1970."""
    stated = 0.0 if expires is None else expires - now_ms() / 1000
    return Place(url, purpose, time.monotonic() + min(stated, _LONGEST))


class Placements:
    """The places of one client, which its threads share: one for each purpose."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str | None], Place] = {}
        self._lock = Lock()

    def get(self, purpose: tuple[str, str | None]) -> Place | None:
        """Return the place that is kept; None when there is none, or its time is over."""
        with self._lock:
            place = self._places.get(purpose)
            if place is not None and place.until <= time.monotonic():
                del self._places[purpose]
                return None
            return place

    def keep(self, place: Place) -> None:
        """Keep a place that an enclave was found at; the oldest goes when there are too many."""
        if place.until <= time.monotonic():
            return
        with self._lock:
            self._places.pop(place.purpose, None)
            self._places[place.purpose] = place
            if len(self._places) > _MOST:
                del self._places[next(iter(self._places))]

    def forget(self, place: Place) -> None:
        """Forget a place, unless another is kept for its purpose by now."""
        with self._lock:
            kept = self._places.get(place.purpose)
            if kept is not None and kept.url == place.url:
                del self._places[place.purpose]

    @contextmanager
    def judged(self, place: Place) -> Iterator[None]:
        """Forget a place when what is done there shows that it is of no use."""
        try:
            yield
        except OF_NO_USE:
            self.forget(place)
            raise
