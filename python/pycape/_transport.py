"""The ways out: HTTP to the control plane, a WebSocket to the enclave. One sync, one async."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
import websockets.asyncio.client
import websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from . import errors
from ._effects import Effect, HttpRequest, HttpResponse, Operation, Receive, Send, Sleep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Response

    from ._timeout import Timeout

T = TypeVar("T")

SUBPROTOCOL = "cape.v2"

# Spec: docs/spec/session.md, WebSocket. A frame of 1 MiB and what wraps it.
MAX_MESSAGE = (1 << 20) + 2048
_MAX_QUEUED_MESSAGES = 4
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Connection(Protocol):
    """An open connection to an enclave."""

    def send(self, message: bytes) -> None:
        """Send one binary message."""

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""

    def close(self) -> None:
        """Close it; never raises."""


class Transport(Protocol):
    """What the sync client needs of the outside."""

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""

    def connect(self, url: str, timeout: float | None) -> Connection:
        """Open a connection to an enclave."""

    def close(self) -> None:
        """Give back what it holds; never raises."""


class AsyncConnection(Protocol):
    """An open connection to an enclave."""

    async def send(self, message: bytes) -> None:
        """Send one binary message."""

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""

    async def close(self) -> None:
        """Close it; never raises."""


class AsyncTransport(Protocol):
    """What the async client needs of the outside."""

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave."""

    async def close(self) -> None:
        """Give back what it holds; never raises."""


def drive(
    operation: Operation[T],
    transport: Transport,
    timeout: Timeout,
    connection: Connection | None = None,
) -> T:
    """Run an operation to its end, performing what it asks for."""
    try:
        effect = next(operation)
        while True:
            try:
                result = _perform(effect, transport, timeout, connection)
            except errors.CapeError as error:
                effect = operation.throw(error)
            else:
                effect = operation.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a generator's value is its T


def _perform(
    effect: Effect, transport: Transport, timeout: Timeout, connection: Connection | None
) -> Any:
    match effect:
        case HttpRequest():
            return transport.request(effect, timeout.connect)
        case Sleep(seconds):
            return time.sleep(seconds)
        case Send(message) if connection is not None:
            return connection.send(message)
        case Receive(phase) if connection is not None:
            return connection.receive(getattr(timeout, phase), phase)
    raise AssertionError(f"{effect!r} without a connection")


async def drive_async(
    operation: Operation[T],
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection | None = None,
) -> T:
    """Run an operation to its end, performing what it asks for."""
    try:
        effect = next(operation)
        while True:
            try:
                result = await _perform_async(effect, transport, timeout, connection)
            except errors.CapeError as error:
                effect = operation.throw(error)
            else:
                effect = operation.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a generator's value is its T


async def _perform_async(
    effect: Effect,
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection | None,
) -> Any:
    match effect:
        case HttpRequest():
            return await transport.request(effect, timeout.connect)
        case Sleep(seconds):
            return await asyncio.sleep(seconds)
        case Send(message) if connection is not None:
            return await connection.send(message)
        case Receive(phase) if connection is not None:
            return await connection.receive(getattr(timeout, phase), phase)
    raise AssertionError(f"{effect!r} without a connection")


class NetworkTransport:
    """HTTP by httpx, WebSocket by websockets, both in the caller's thread."""

    def __init__(self) -> None:
        self._http = httpx.Client(follow_redirects=False)

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        refuse_plain(request.url)
        try:
            response = self._http.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.content,
                timeout=timeout,
            )
        except httpx.HTTPError as error:
            raise _http_error(error, request.url) from error
        return HttpResponse(response.status_code, response.headers, response.content)

    def connect(self, url: str, timeout: float | None) -> Connection:
        """Open a connection to an enclave."""
        refuse_plain(url)
        try:
            return NetworkConnection(
                websockets.sync.client.connect(
                    url,
                    subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
                    compression=None,
                    open_timeout=timeout,
                    max_size=MAX_MESSAGE,
                    max_queue=_MAX_QUEUED_MESSAGES,
                    legacy=True,
                )
            )
        except (OSError, WebSocketException) as error:
            raise _connect_error(error, url) from error

    def close(self) -> None:
        """Give back what it holds; never raises."""
        self._http.close()


class NetworkConnection:
    """A WebSocket in the caller's thread."""

    def __init__(self, websocket: websockets.sync.client.ClientConnection) -> None:
        self._websocket = websocket

    def send(self, message: bytes) -> None:
        """Send one binary message."""
        try:
            self._websocket.send(message)
        except ConnectionClosed as error:
            raise _closed(error) from error

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            message = self._websocket.recv(timeout)
        except TimeoutError as error:
            raise _expired(phase, timeout) from error
        except ConnectionClosed as error:
            raise _closed(error) from error
        return _binary(message)

    def close(self) -> None:
        """Close it; never raises."""
        self._websocket.close()


class AsyncNetworkTransport:
    """HTTP by httpx, WebSocket by websockets, both in the running event loop."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(follow_redirects=False)

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        refuse_plain(request.url)
        try:
            response = await self._http.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.content,
                timeout=timeout,
            )
        except httpx.HTTPError as error:
            raise _http_error(error, request.url) from error
        return HttpResponse(response.status_code, response.headers, response.content)

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave."""
        refuse_plain(url)
        try:
            return AsyncNetworkConnection(
                await websockets.asyncio.client.connect(
                    url,
                    subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
                    compression=None,
                    open_timeout=timeout,
                    max_size=MAX_MESSAGE,
                    max_queue=_MAX_QUEUED_MESSAGES,
                )
            )
        except (OSError, WebSocketException) as error:
            raise _connect_error(error, url) from error

    async def close(self) -> None:
        """Give back what it holds; never raises."""
        await self._http.aclose()


class AsyncNetworkConnection:
    """A WebSocket in the running event loop."""

    def __init__(self, websocket: websockets.asyncio.client.ClientConnection) -> None:
        self._websocket = websocket

    async def send(self, message: bytes) -> None:
        """Send one binary message."""
        try:
            await self._websocket.send(message)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            async with asyncio.timeout(timeout):
                message = await self._websocket.recv()
        except TimeoutError as error:
            raise _expired(phase, timeout) from error
        except ConnectionClosed as error:
            raise _closed(error) from error
        return _binary(message)

    async def close(self) -> None:
        """Close it; never raises."""
        await self._websocket.close()


def refuse_plain(url: str) -> None:
    """Raise `ConfigError` for `http:` or `ws:` to anywhere but this machine."""
    parts = urlsplit(url)
    if parts.scheme in {"https", "wss"}:
        return
    if parts.scheme in {"http", "ws"} and parts.hostname in _LOOPBACK:
        return
    raise errors.ConfigError(
        f"{url} is not encrypted on its way",
        hint="use https: or wss:; http: and ws: are for this machine only",
    )


def _http_error(error: httpx.HTTPError, url: str) -> errors.CapeError:
    if isinstance(error, httpx.TimeoutException):
        return errors.TimeoutExpired(f"no answer from {_host(url)} in time", phase="connect")
    return errors.ConnectFailed(f"no connection to {_host(url)}: {error}")


def _connect_error(error: Exception, url: str) -> errors.CapeError:
    if isinstance(error, InvalidStatus):
        return _refused(error.response, url)
    if isinstance(error, TimeoutError):
        return errors.TimeoutExpired(f"no answer from {_host(url)} in time", phase="connect")
    return errors.ConnectFailed(f"no connection to {_host(url)}: {error}")


def _refused(response: Response, url: str) -> errors.CapeError:
    """Tell why the enclave's host answered the upgrade with an ordinary response."""
    said = _display(bytes(response.body or b""))
    match response.status_code:
        case 429 | 503:
            return errors.Overloaded(
                f"{_host(url)} has no room: {said}",
                status=response.status_code,
                retry_after=retry_after(response.headers),
            )
        case 400:
            return errors.ProtocolError(f"{_host(url)} refused the handshake: {said}")
        case status:
            return errors.ConnectFailed(f"{_host(url)} answered {status}: {said}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header names; None without a number in it."""
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _closed(error: ConnectionClosed) -> errors.CapeError:
    return errors.StreamTruncated(f"the connection closed before the end of the answer: {error}")


def _expired(phase: str, seconds: float | None) -> errors.CapeError:
    return errors.TimeoutExpired(f"nothing arrived for {seconds:g} s ({phase})", phase=phase)


def _binary(message: str | bytes) -> bytes:
    if isinstance(message, bytes):
        return message
    raise errors.ProtocolError(f"the enclave's host refused: {_display(message.encode())}")


_MAX_DISPLAYED = 300


def _display(body: bytes) -> str:
    """Return the message in an unauthenticated JSON answer, or the answer itself, made harmless."""
    text = body[: 4 * _MAX_DISPLAYED].decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
        text = f"{parsed['message']} ({parsed['code']})"
    except (ValueError, KeyError, TypeError):
        pass
    return (
        "".join(c if c.isprintable() else " " for c in text)[:_MAX_DISPLAYED] or "no reason given"
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc
