"""What is told of the releases of a policy beside the policy itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape._clock import milliseconds, now_ms, show_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pycape.cli._context import Context
    from pycape.policy import Release


def note_ended(context: Context, releases: Iterable[Release]) -> None:
    """Tell of each release whose last day is over."""
    now = now_ms()
    for release in releases:
        end = release.not_after
        if end is not None and milliseconds(end) < now:
            name = f"release {release.name!r}" if release.name else "a release"
            context.note(f"{name} ended at {show_time(end)}: nobody accepts it")
