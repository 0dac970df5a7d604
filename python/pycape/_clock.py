"""The time."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now_ms() -> int:
    """Return the time by this machine's clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def milliseconds(now: datetime) -> int:
    """Return a time that a caller gave as `now`, in milliseconds since 1970.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone, or is before 1970.
    """
    if not isinstance(now, datetime):
        raise TypeError(f"`now` is a datetime, not {type(now).__name__}")
    if now.tzinfo is None:
        raise ValueError("`now` needs a time zone, for example datetime.now(timezone.utc)")
    since = now - _EPOCH
    if since < timedelta(0):
        raise ValueError(f"`now` is {now.isoformat()}: 1970 or later is wanted")
    return since // _MILLISECOND


def show_time(moment: datetime) -> str:
    """Return an aware time to the second in UTC, as `2027-01-31T00:00:00Z` (RFC 3339)."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
