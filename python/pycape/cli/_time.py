"""Times on the command line, read as ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

from pycape.cli._errors import UsageError


def parse_time(option: str, text: str) -> datetime:
    """Return the time that an option says; UTC where it has no time zone."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} is no time: {text!r}",
            hint="write it as 2027-01-31T00:00:00Z, or 2027-01-31 for its beginning in UTC",
        ) from error
