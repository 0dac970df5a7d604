"""The way out, as a seam: HTTP to a control plane, a WebSocket to an enclave.

`_network.py` has the real ones; tests bring their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ._effects import HttpRequest, HttpResponse


class Connection(Protocol):
    """An open connection to an enclave.

    A timeout is in seconds; None waits for as long as it takes.
    """

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message.

        Raises:
            StreamTruncated: the connection is closed.
            TimeoutExpired: the time ran out; of the phase `idle`.
        """

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message.

        Raises:
            StreamTruncated: the connection is closed.
            TimeoutExpired: the time ran out; of the phase `phase`.
        """

    def pending(self) -> bytes | None:
        """Return a binary message that is there, or None.

        Raises:
            StreamTruncated: the connection is closed.
        """

    def close(self) -> None:
        """Close it; never raises."""


@runtime_checkable
class Transport(Protocol):
    """What the sync client needs of the outside.

    A timeout is in seconds; None waits for as long as it takes. After `close` it can be used again.
    """

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request.

        Raises:
            ConnectFailed: nobody answers.
            TimeoutExpired: the time ran out; of the phase `connect`.
            ProtocolError: the answer breaks the protocol.
        """

    def connect(self, url: str, timeout: float | None) -> Connection:
        """Open a connection to an enclave.

        Raises:
            ConnectFailed: nobody answers.
            TimeoutExpired: the time ran out; of the phase `connect`.
            ProtocolError: the answer breaks the protocol.
            Overloaded: there is no room now.
        """

    def close(self) -> None:
        """Give back what it holds; never raises."""


class AsyncConnection(Protocol):
    """As `Connection`, with await."""

    async def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message.

        Raises:
            StreamTruncated: the connection is closed.
            TimeoutExpired: the time ran out; of the phase `idle`.
        """

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message.

        Raises:
            StreamTruncated: the connection is closed.
            TimeoutExpired: the time ran out; of the phase `phase`.
        """

    async def pending(self) -> bytes | None:
        """Return a binary message that is there, or None.

        Raises:
            StreamTruncated: the connection is closed.
        """

    async def close(self) -> None:
        """Close it; never raises."""


@runtime_checkable
class AsyncTransport(Protocol):
    """As `Transport`, with await."""

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request.

        Raises:
            ConnectFailed: nobody answers.
            TimeoutExpired: the time ran out; of the phase `connect`.
            ProtocolError: the answer breaks the protocol.
        """

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave.

        Raises:
            ConnectFailed: nobody answers.
            TimeoutExpired: the time ran out; of the phase `connect`.
            ProtocolError: the answer breaks the protocol.
            Overloaded: there is no room now.
        """

    async def close(self) -> None:
        """Give back what it holds; never raises."""
