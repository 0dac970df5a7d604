"""HTTP/1.1 as uvicorn speaks it, with a limit on the time that the head of a request takes.

Without one, whoever holds connections that never say what they want leaves no room for others.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10


class HttpProtocol(H11Protocol):
    """One connection. The limit counts from its first byte, however slowly others follow."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Go on to wait for the rest of a head, or for none."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _watch(self) -> None:
        in_request = self.cycle is not None and not self.cycle.response_complete
        if in_request:
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
