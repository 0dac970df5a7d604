"""The way out, as a seam: HTTP to a control plane, a WebSocket to an enclave.

`_network.py` has the real ones; tests bring their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ._effects import HttpRequest, HttpResponse


class Connection(Protocol):
    """An open connection to an enclave.

    All but `close` raise `StreamTruncated` when it is closed, `send` and `receive` `TimeoutExpired`
    with their phase when `timeout` seconds went by; None waits for as long as it takes.
    """

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""

    def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""

    def close(self) -> None:
        """Close it; never raises."""


@runtime_checkable
class Transport(Protocol):
    """What the sync client needs of the outside.

    `request` and `connect` raise `ConnectFailed`, `TimeoutExpired` or `ProtocolError`, `connect`
    also `Overloaded`. After `close` it can be used again.
    """

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""

    def connect(self, url: str, timeout: float | None) -> Connection:
        """Open a connection to an enclave."""

    def close(self) -> None:
        """Give back what it holds; never raises."""


class AsyncConnection(Protocol):
    """As `Connection`, with await."""

    async def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""

    async def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""

    async def close(self) -> None:
        """Close it; never raises."""


@runtime_checkable
class AsyncTransport(Protocol):
    """As `Transport`, with await."""

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave."""

    async def close(self) -> None:
        """Give back what it holds; never raises."""
