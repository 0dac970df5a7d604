"""What may be tried again, and when. Spec: docs/spec/session.md, retry."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .errors import CapeError

_SECONDS = (0.1, 0.5, 2.0)

# Whoever has no room for longer than this is not waited for.
_LONGEST = 30.0


def pause(error: CapeError, attempt: int, max_retries: int) -> float | None:
    """Return the seconds to wait before another attempt; None when there shall be none.

    That is as long as the other side asked for, else longer each time. `attempt` counts from 0.
    """
    if attempt >= max_retries:
        return None
    asked = getattr(error, "retry_after", None)
    if asked is None:
        return _SECONDS[min(attempt, len(_SECONDS) - 1)]
    return asked if 0 <= asked <= _LONGEST else None


class Retries:
    """What is left of the attempts that one call has."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._attempt = 0

    def pause(self, error: CapeError) -> float | None:
        """Return the seconds to wait before the next attempt; None when there shall be none."""
        seconds = pause(error, self._attempt, self._most)
        self._attempt += 1
        return seconds


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header names; None without a number in it."""
    try:
        seconds = float(headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < math.inf else None
