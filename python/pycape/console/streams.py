"""Parts of pages that are sent again as they change, as server-sent events (HTML, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from pycape.errors import Overloaded

if TYPE_CHECKING:
    from pycape.console.calls import Calls
    from pycape.console.changes import Changes
    from pycape.local import Runs

MOST_STREAMS = 16
_STEP_SECONDS = 0.1  # between two pictures of what changes quickly, at least
_TICK_SECONDS = 0.4  # and of what goes on without a change, at most


class Streams:
    """All that are open. They end with what they show, and with the calls."""

    def __init__(self, calls: Calls, runs: Runs | None) -> None:
        self._calls = calls
        self._runs = runs
        self._open = 0

    def send(
        self, changes: Changes, picture: Callable[[], str], has_ended: Callable[[], bool]
    ) -> StreamingResponse:
        """Send a picture now, whenever something changes, and at times while a call runs.

        Raises:
            Overloaded: too many are sent already.
        """
        if self._open >= MOST_STREAMS:
            raise Overloaded(f"{MOST_STREAMS} pages are kept up to date", hint="close one")
        return StreamingResponse(
            self._events(changes, picture, has_ended), media_type="text/event-stream"
        )

    async def _events(
        self, changes: Changes, picture: Callable[[], str], has_ended: Callable[[], bool]
    ) -> AsyncIterator[str]:
        self._open += 1
        try:
            while True:
                seen, is_over = changes.count, has_ended() or self._calls.is_closed
                yield _event("picture", picture())
                if is_over:
                    yield _event("over", "")
                    return
                await asyncio.sleep(_STEP_SECONDS)
                await changes.after(seen, _TICK_SECONDS if self._something_runs() else None)
        finally:
            self._open -= 1

    def _something_runs(self) -> bool:
        return self._calls.are_running or (self._runs is not None and self._runs.go_on)


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n"
