"""Something that changes, and is waited for by whoever shows it."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Changes:
    """How often something has changed. All of it in one event loop."""

    def __init__(self) -> None:
        self.count: int = 0
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Wake whoever waits."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, seen: int, seconds: float | None) -> None:
        """Wait until it has changed since, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.count == seen:
                    await self._next.wait()
