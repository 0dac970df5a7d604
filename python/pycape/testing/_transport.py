"""The way out that leads to an enclave in this process. Nothing here opens a socket.

Requests, connecting and sending take no time that could run out.
"""

# ruff: noqa: ARG002 - `pycape._transport` says what is passed

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pycape import errors
from pycape._effects import HttpRequest, HttpResponse
from pycape.testing._connection import EnclaveConnection
from pycape.testing._directory import SESSION_URL

if TYPE_CHECKING:
    from pycape.testing._host import Host


class MemoryTransport:
    """The `transport=` of `Cape`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Answer one request to the control plane."""
        return self._host.answer(request)

    def connect(self, url: str, timeout: float | None) -> MemoryConnection:
        """Open a connection to the enclave."""
        return MemoryConnection(self._host, url)

    def close(self) -> None:
        """Give back what it holds: nothing."""


class MemoryConnection:
    """A client's end of a connection."""

    def __init__(self, host: Host, url: str) -> None:
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._host = host
        self._served = _served(host, url, self._messages.put)

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""
        self._served.receive(bytes(message))

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            return self._binary(self._messages.get(timeout=timeout))
        except Empty:
            raise _expired(timeout, phase) from None

    def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""
        try:
            return self._binary(self._messages.get_nowait())
        except Empty:
            return None

    def close(self) -> None:
        """Close it; never raises."""
        self._host.forget(self._served)

    def _binary(self, message: bytes | None) -> bytes:
        if message is None:
            self._messages.put(None)
        return _or_closed(message)


class AsyncMemoryTransport:
    """The `transport=` of `AsyncCape`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Answer one request to the control plane."""
        return self._host.answer(request)

    async def connect(self, url: str, timeout: float | None) -> AsyncMemoryConnection:
        """Open a connection to the enclave."""
        return AsyncMemoryConnection(self._host, url)

    async def close(self) -> None:
        """Give back what it holds: nothing."""


class AsyncMemoryConnection:
    """A client's end of a connection, in the running event loop."""

    def __init__(self, host: Host, url: str) -> None:
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._served = _served(host, url, self._put)

    async def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""
        self._served.receive(bytes(message))

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            async with asyncio.timeout(timeout):
                return self._binary(await self._messages.get())
        except TimeoutError:
            raise _expired(timeout, phase) from None

    async def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""
        try:
            return self._binary(self._messages.get_nowait())
        except asyncio.QueueEmpty:
            return None

    async def close(self) -> None:
        """Close it; never raises."""
        self._host.forget(self._served)

    def _put(self, message: bytes | None) -> None:
        # From a call's thread; when the loop has ended, nobody waits any more.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._messages.put_nowait, message)

    def _binary(self, message: bytes | None) -> bytes:
        if message is None:
            self._messages.put_nowait(None)
        return _or_closed(message)


def _served(host: Host, url: str, send: Callable[[bytes | None], None]) -> EnclaveConnection:
    query = urlsplit(url).query
    if not url.startswith(f"{SESSION_URL}?"):
        raise errors.ConnectFailed(f"no enclave of this test is at {url.partition('?')[0]}")
    return host.serve(query, send)


def _or_closed(message: bytes | None) -> bytes:
    if message is None:
        raise errors.StreamTruncated("the connection closed before the end of the answer")
    return message


def _expired(seconds: float | None, phase: str) -> errors.CapeError:
    return errors.TimeoutExpired(f"nothing happened for {seconds:g} s ({phase})", phase=phase)
