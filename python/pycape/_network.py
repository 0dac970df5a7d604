"""The ways out: HTTP by httpx, WebSocket by websockets. One sync, one async."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import websockets.asyncio.client
import websockets.sync.client
from websockets.exceptions import ConnectionClosed

from . import errors
from ._address import shown
from ._async_websocket import AsyncWebSocket
from ._certificates import tls_context
from ._effects import HttpRequest, HttpResponse
from ._network_errors import closed, connect_errors, expired, http_errors, no_answer
from ._proxies import Proxy, proxy_for
from ._strangers import explanation
from ._websocket import WebSocket

if TYPE_CHECKING:
    import ssl

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
    # Proxies and certificates are those of WebSockets too; what a .netrc says is for nobody here.
    "trust_env": False,
}

# Spec: docs/spec/session.md, connection. A frame of 1 MiB and what wraps it.
_WEBSOCKET_OPTIONS: dict[str, Any] = {
    "subprotocols": [websockets.Subprotocol("cape.v2")],
    "compression": None,
    "max_size": (1 << 20) + 2048,
    "close_timeout": _CLOSE_SECONDS,
}


class NetworkTransport:
    """HTTP and WebSocket in the caller's thread.

    Args:
        ca_file: A file of the authorities to trust for TLS; else what the environment names.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._http: dict[Proxy | None, httpx.Client] = {}
        self._opening = threading.Lock()

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        proxy = proxy_for(request.url)
        client = self._client(proxy)
        body = _Body(request.url, proxy, timeout)
        with (
            http_errors(request.url, proxy, timeout),
            client.stream(**_arguments(request), timeout=timeout) as response,
        ):
            for chunk in response.iter_bytes():
                body.add(chunk)
        return HttpResponse(response.status_code, response.headers, body.whole())

    def connect(self, url: str, timeout: float | None) -> Connection:
        """Open a connection to an enclave."""
        proxy = proxy_for(url)
        options = _websocket_options(url, proxy, self._trusted)
        with connect_errors(url, proxy, timeout):
            deadline = None if timeout is None else time.monotonic() + timeout
            connected: Any = websockets.sync.client.connect(
                url,
                open_timeout=timeout,
                legacy=True,
                create_connection=_websocket_until(deadline),
                **options,
            )
            return NetworkConnection(connected)

    def close(self) -> None:
        """Give back what it holds; never raises."""
        with self._opening:
            clients, self._http = self._http, {}
        for client in clients.values():
            client.close()

    def _client(self, proxy: Proxy | None) -> httpx.Client:
        with self._opening:
            if proxy not in self._http:
                self._http[proxy] = httpx.Client(**_http_options(proxy, self._trusted()))
            return self._http[proxy]

    def _trusted(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._ca_file)
        return self._tls


class NetworkConnection:
    """A WebSocket in the caller's thread."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""
        try:
            self._websocket.send(message, timeout)
        except TimeoutError as error:
            raise expired("idle", timeout) from error
        except ConnectionClosed as error:
            raise closed(error) from error

    def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            return _binary(self._websocket.recv(timeout))
        except TimeoutError as error:
            raise expired(phase, timeout) from error
        except ConnectionClosed as error:
            raise closed(error) from error

    def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""
        try:
            message = self._websocket.pending()
        except ConnectionClosed as error:
            raise closed(error) from error
        return None if message is None else _binary(message)

    def close(self) -> None:
        """Close it; never raises."""
        self._websocket.close()


class AsyncNetworkTransport:
    """HTTP and WebSocket in the running event loop, whichever that is at the time.

    Args:
        ca_file: A file of the authorities to trust for TLS; else what the environment names.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._http: dict[Proxy | None, httpx.AsyncClient] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        proxy = proxy_for(request.url)
        client = self._client(proxy)
        body = _Body(request.url, proxy, timeout)
        with http_errors(request.url, proxy, timeout):
            async with client.stream(**_arguments(request), timeout=timeout) as response:
                async for chunk in response.aiter_bytes():
                    body.add(chunk)
        return HttpResponse(response.status_code, response.headers, body.whole())

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave."""
        proxy = proxy_for(url)
        options = _websocket_options(url, proxy, self._trusted)
        with connect_errors(url, proxy, timeout):
            create: Any = AsyncWebSocket
            connected: Any = await websockets.asyncio.client.connect(
                url,
                open_timeout=timeout,
                create_connection=create,
                **options,
            )
            return AsyncNetworkConnection(connected)

    async def close(self) -> None:
        """Give back what it holds; never raises."""
        clients, self._http = self._http, {}
        if self._loop is asyncio.get_running_loop():
            for client in clients.values():
                await client.aclose()

    def _client(self, proxy: Proxy | None) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # Connections of a loop that has ended cannot be used, nor closed.
            self._http, self._loop = {}, loop
        if proxy not in self._http:
            self._http[proxy] = httpx.AsyncClient(**_http_options(proxy, self._trusted()))
        return self._http[proxy]

    def _trusted(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._ca_file)
        return self._tls


class AsyncNetworkConnection:
    """A WebSocket in the running event loop."""

    def __init__(self, websocket: AsyncWebSocket) -> None:
        self._websocket = websocket

    async def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message."""
        try:
            await self._websocket.send(message, timeout)
        except TimeoutError as error:
            raise expired("idle", timeout) from error
        except ConnectionClosed as error:
            raise closed(error) from error

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        """Wait for one binary message."""
        try:
            return _binary(await self._websocket.recv(timeout))
        except TimeoutError as error:
            raise expired(phase, timeout) from error
        except ConnectionClosed as error:
            raise closed(error) from error

    async def pending(self) -> bytes | None:
        """Return a binary message that is there, or None."""
        try:
            message = await self._websocket.pending()
        except ConnectionClosed as error:
            raise closed(error) from error
        return None if message is None else _binary(message)

    async def close(self) -> None:
        """Close it; never raises."""
        await self._websocket.close()


class _Body:
    """The body of an answer as it comes, within limits of size and time."""

    def __init__(self, url: str, proxy: Proxy | None, timeout: float | None) -> None:
        self._url = url
        self._proxy = proxy
        self._chunks: list[bytes] = []
        self._room = _MAX_ANSWER
        self._timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout

    def add(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            raise errors.ProtocolError(
                f"the answer of {shown(self._url)} has more than {_MAX_ANSWER} bytes"
            )
        if self._end is not None and time.monotonic() > self._end:
            raise no_answer(self._url, self._proxy, self._timeout)
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        return b"".join(self._chunks)


def _http_options(proxy: Proxy | None, tls: ssl.SSLContext) -> dict[str, Any]:
    return {**_HTTP_OPTIONS, "proxy": None if proxy is None else proxy.url, "verify": tls}


def _websocket_options(
    url: str, proxy: Proxy | None, trusted: Callable[[], ssl.SSLContext]
) -> dict[str, Any]:
    tls = {"ssl": trusted()} if url.startswith("wss:") else {}
    return {**_WEBSOCKET_OPTIONS, **tls, "proxy": None if proxy is None else proxy.url}


def _arguments(request: HttpRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "content": request.content,
    }


def _binary(message: str | bytes) -> bytes:
    if isinstance(message, bytes):
        return message
    raise errors.ProtocolError(f"the enclave's host refused: {explanation(message.encode())}")


def _websocket_until(deadline: float | None) -> Any:
    """Return what makes a connection of a socket, whose handshake is over at the deadline."""
    return partial(WebSocket, deadline=deadline)
