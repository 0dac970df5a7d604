"""Which runtime a client shall talk to.

`Placement` is the seam; `LocalPlacement` is the embedded one, fed by the local platform that starts
the runtime itself. A fleet's placement learns of runtimes from their heartbeats instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

PLACEMENT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a runtime; `expires` (seconds since 1970) is when to ask again."""

    url: str
    expires: int


class Placement(Protocol):
    """Chooses a runtime for a function."""

    def place(self, checksum: str | None) -> Place | None:
        """Choose a runtime for the function, or for any purpose; None when none is running."""


class LocalPlacement:
    """One runtime, in the same process tree. It moves to another port when it is restarted."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._url: str | None = None

    def register(self, url: str) -> None:
        """Note that the runtime answers at `url` (ws://host:port/v2/session) from now on."""
        with self._lock:
            self._url = url

    def withdraw(self) -> None:
        """Note that the runtime is gone."""
        with self._lock:
            self._url = None

    def place(self, checksum: str | None) -> Place | None:  # noqa: ARG002 one runtime serves all
        """Tell where the runtime is."""
        with self._lock:
            url = self._url
        return None if url is None else Place(url, self._clock() + PLACEMENT_SECONDS)
