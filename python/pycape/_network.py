"""The ways out: HTTP by httpx, WebSocket by websockets. One sync, one async."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import websockets.asyncio.client
import websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from . import errors
from ._address import LOOPBACK, is_loopback, shown
from ._async_websocket import AsyncWebSocket
from ._effects import HttpRequest, HttpResponse
from ._retry import retry_after
from ._strangers import explanation
from ._websocket import WebSocket

if TYPE_CHECKING:
    from websockets.http11 import Response

    from ._transport import AsyncConnection, Connection

# A page of 100 manifests of 64 KiB, and what is around them.
_MAX_ANSWER = 8 << 20

# Whoever closes has what it wanted: an answer to that is not waited for long.
_CLOSE_SECONDS = 1

_HTTP_OPTIONS: dict[str, Any] = {
    "follow_redirects": False,
    # At a limit httpcore 1.0 may close a connection that it has just given to another thread's
    # request. Those that were idle for some seconds are closed by the next request anyway.
    "limits": httpx.Limits(max_connections=None, max_keepalive_connections=None),
    # What is not encrypted on its way does not leave this machine by way of a proxy either.
    "mounts": {f"all://{f'[{host}]' if ':' in host else host}": None for host in LOOPBACK},
}

# Spec: docs/spec/session.md, connection. A frame of 1 MiB and what wraps it.
_WEBSOCKET_OPTIONS: dict[str, Any] = {
    "subprotocols": [websockets.Subprotocol("cape.v2")],
    "compression": None,
    "max_size": (1 << 20) + 2048,
    "close_timeout": _CLOSE_SECONDS,
}


class NetworkTransport:
    """HTTP and WebSocket in the caller's thread."""

    def __init__(self) -> None:
        self._http: httpx.Client | None = None
        self._opening = threading.Lock()

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        client = self._client()
        body = _Body(request.url, timeout)
        with (
            _http_errors(request.url),
            client.stream(**_arguments(request), timeout=timeout) as response,
        ):
            for chunk in response.iter_bytes():
                body.add(chunk)
        return HttpResponse(response.status_code, response.headers, body.whole())

    def connect(self, url: str, timeout: float | None) -> Connection:
        """Open a connection to an enclave."""
        with _connect_errors(url):
            deadline = None if timeout is None else time.monotonic() + timeout
            connected: Any = websockets.sync.client.connect(
                url,
                open_timeout=timeout,
                proxy=None if is_loopback(url) else True,
                legacy=True,
                create_connection=_websocket_until(deadline),
                **_WEBSOCKET_OPTIONS,
            )
            return NetworkConnection(connected)

    def close(self) -> None:
        """Give back what it holds; never raises."""
        with self._opening:
            client, self._http = self._http, None
        if client is not None:
            client.close()

    def _client(self) -> httpx.Client:
        with self._opening:
            if self._http is None:
                with _environment_errors():
                    self._http = httpx.Client(**_HTTP_OPTIONS)
            return self._http


class NetworkConnection:
    """A WebSocket in the caller's thread."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""
        try:
            self._websocket.send(message, timeout)
        except TimeoutError as error:
            raise _expired("idle", timeout) from error
        except ConnectionClosed as error:
            raise _closed(error) from error

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            return _binary(self._websocket.recv(timeout))
        except TimeoutError as error:
            raise _expired(phase, timeout) from error
        except ConnectionClosed as error:
            raise _closed(error) from error

    def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""
        try:
            message = self._websocket.pending()
        except ConnectionClosed as error:
            raise _closed(error) from error
        return None if message is None else _binary(message)

    def close(self) -> None:
        """Close it; never raises."""
        self._websocket.close()


class AsyncNetworkTransport:
    """HTTP and WebSocket in the running event loop, whichever that is at the time."""

    def __init__(self) -> None:
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        client = self._client()
        body = _Body(request.url, timeout)
        with _http_errors(request.url):
            async with client.stream(**_arguments(request), timeout=timeout) as response:
                async for chunk in response.aiter_bytes():
                    body.add(chunk)
        return HttpResponse(response.status_code, response.headers, body.whole())

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave."""
        with _connect_errors(url):
            create: Any = AsyncWebSocket
            connected: Any = await websockets.asyncio.client.connect(
                url,
                open_timeout=timeout,
                proxy=None if is_loopback(url) else True,
                create_connection=create,
                **_WEBSOCKET_OPTIONS,
            )
            return AsyncNetworkConnection(connected)

    async def close(self) -> None:
        """Give back what it holds; never raises."""
        client, self._http = self._http, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            # Connections of a loop that has ended cannot be used, nor closed.
            with _environment_errors():
                self._http, self._loop = httpx.AsyncClient(**_HTTP_OPTIONS), loop
        return self._http


class AsyncNetworkConnection:
    """A WebSocket in the running event loop."""

    def __init__(self, websocket: AsyncWebSocket) -> None:
        self._websocket = websocket

    async def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""
        try:
            await self._websocket.send(message, timeout)
        except TimeoutError as error:
            raise _expired("idle", timeout) from error
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            return _binary(await self._websocket.recv(timeout))
        except TimeoutError as error:
            raise _expired(phase, timeout) from error
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""
        try:
            message = await self._websocket.pending()
        except ConnectionClosed as error:
            raise _closed(error) from error
        return None if message is None else _binary(message)

    async def close(self) -> None:
        """Close it; never raises."""
        await self._websocket.close()


class _Body:
    """The body of an answer as it comes, within limits of size and time."""

    def __init__(self, url: str, timeout: float | None) -> None:
        self._url = url
        self._chunks: list[bytes] = []
        self._room = _MAX_ANSWER
        self._end = None if timeout is None else time.monotonic() + timeout

    def add(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            raise errors.ProtocolError(
                f"the answer of {shown(self._url)} has more than {_MAX_ANSWER} bytes"
            )
        if self._end is not None and time.monotonic() > self._end:
            raise _no_answer(self._url)
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        return b"".join(self._chunks)


def _arguments(request: HttpRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "content": request.content,
    }


@contextmanager
def _environment_errors() -> Iterator[None]:
    """Say what is wrong with the proxies and certificates that httpx finds as it starts."""
    try:
        yield
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise _unusable(error) from error


@contextmanager
def _http_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise _no_answer(url) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise errors.ConnectFailed(f"no answer from {shown(url)}: {error}") from error


@contextmanager
def _connect_errors(url: str) -> Iterator[None]:
    try:
        yield
    except InvalidStatus as error:
        raise _refused(error.response, url) from error
    except TimeoutError as error:
        raise _no_answer(url) from error
    except ImportError as error:
        raise _unusable(error) from error
    except (OSError, WebSocketException) as error:
        raise errors.ConnectFailed(f"no connection to {shown(url)}: {error}") from error


def _unusable(error: Exception) -> errors.CapeError:
    return errors.ConfigError(
        f"the environment's settings of proxies or certificates cannot be used: {error}",
        hint="look at HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
    )


def _no_answer(url: str) -> errors.CapeError:
    return errors.TimeoutExpired(f"no answer from {shown(url)} in time", phase="connect")


def _refused(response: Response, url: str) -> errors.CapeError:
    """Tell why the enclave's host answered the upgrade with an ordinary response."""
    said = explanation(bytes(response.body or b""))
    match response.status_code:
        case 429 | 503:
            return errors.Overloaded(
                f"{shown(url)} has no room: {said}",
                status=response.status_code,
                retry_after=retry_after(response.headers),
            )
        case 400:
            return errors.ProtocolError(f"{shown(url)} refused the handshake: {said}")
        case status:
            return errors.ConnectFailed(f"{shown(url)} answered {status}: {said}")


def _closed(error: ConnectionClosed) -> errors.CapeError:
    return errors.StreamTruncated(f"the connection closed before the end of the answer: {error}")


def _expired(phase: str, seconds: float | None) -> errors.CapeError:
    return errors.TimeoutExpired(f"nothing happened for {seconds:g} s ({phase})", phase=phase)


def _binary(message: str | bytes) -> bytes:
    if isinstance(message, bytes):
        return message
    raise errors.ProtocolError(f"the enclave's host refused: {explanation(message.encode())}")


def _websocket_until(deadline: float | None) -> Any:
    """Return what makes a connection of a socket, whose handshake is over at the deadline."""
    return partial(WebSocket, deadline=deadline)
