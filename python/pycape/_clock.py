"""The time."""

import time


def now_ms() -> int:
    """Return the time by this machine's clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
