"""Work that would block an event loop, in a thread that ends when its task is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ._arguments import only_progress

if TYPE_CHECKING:
    from ._envelope_files import Progress

T = TypeVar("T")


class _StoppedError(Exception):
    """The task is not there any more, so the work is to be undone."""


async def in_thread(work: Callable[[Progress], T], progress: Progress | None) -> T:
    """Do `work` in a thread. It has to tell its progress to what it is given, and ends there.

    When the task is cancelled, this waits for that end: nothing goes on behind its back.

    Raises:
        TypeError: `progress` cannot be called.
    """
    only_progress(progress)
    stopped = threading.Event()

    def tell(done: int, total: int | None) -> None:
        if stopped.is_set():
            raise _StoppedError
        if progress is not None:
            progress(done, total)

    working = asyncio.ensure_future(asyncio.to_thread(work, tell))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stopped.set()
        working.add_done_callback(lambda ended: ended.exception())
        await asyncio.wait([working])
        raise
