"""What was fetched from the directory a moment ago, so that not every call asks again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

# A token that was taken back is refused to callers of this client that much later, at most.
_FRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A text of the directory, or that it has none, and when that was."""

    text: str | None
    _at: float

    @classmethod
    def now(cls, text: str | None) -> Self:
        """Return what has just come."""
        return cls(text, time.monotonic())

    def is_old(self) -> bool:
        """Tell whether it is time to ask again."""
        return time.monotonic() - self._at >= _FRESH_S
