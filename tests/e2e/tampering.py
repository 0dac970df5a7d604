"""A host that does what hosts can do: see, change, hold back and replay bytes, and lie."""

import dataclasses
import json
from collections.abc import Callable

from pycape._effects import HttpRequest, HttpResponse
from pycape._network import AsyncNetworkTransport, NetworkTransport

Rewrite = Callable[[int, bytes], bytes | None]


def unchanged(_number: int, message: bytes) -> bytes:
    return message


@dataclasses.dataclass
class Means:
    """What the host does to a client's traffic.

    `to_enclave` and `to_client` get a message's number and its bytes and return what goes on; None
    closes the connection instead. `url` rewrites the address a connection is opened to, and
    `answers` the control plane's JSON answers by path prefix; None is "not found" instead.
    """

    to_enclave: Rewrite = unchanged
    to_client: Rewrite = unchanged
    url: Callable[[str], str] = str
    answers: dict[str, Callable[[dict], dict | None]] = dataclasses.field(default_factory=dict)

    def answer(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        path = request.url.split("/", 3)[3]
        for prefix, lie in self.answers.items():
            if path.startswith(prefix) and response.status == 200:
                said = lie(response.json())
                status, content = (404, b"{}") if said is None else (200, json.dumps(said).encode())
                return dataclasses.replace(response, status=status, content=content)
        return response


class HostileTransport(NetworkTransport):
    """The network, through a host that rewrites."""

    def __init__(self, **means) -> None:
        super().__init__()
        self._means = Means(**means)

    def connect(self, url: str, timeout: float | None):
        connection = super().connect(self._means.url(url), timeout)
        return HostileConnection(connection, self._means)

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        return self._means.answer(request, super().request(request, timeout))


class HostileConnection:
    def __init__(self, connection, means: Means) -> None:
        self._connection = connection
        self._means = means
        self._sent = self._received = 0

    def send(self, message: bytes, timeout: float | None) -> None:
        rewritten = self._means.to_enclave(self._sent, message)
        self._sent += 1
        if rewritten is None:
            self._connection.close()
        else:
            self._connection.send(rewritten, timeout)

    def pending(self) -> bytes | None:
        message = self._connection.pending()
        return None if message is None else self._passed_on(message, None, "idle")

    def receive(self, timeout: float | None, phase: str) -> bytes:
        message = self._connection.receive(timeout, phase)
        return self._passed_on(message, timeout, phase)

    def _passed_on(self, message: bytes, timeout: float | None, phase: str) -> bytes:
        rewritten = self._means.to_client(self._received, message)
        self._received += 1
        if rewritten is None:
            self._connection.close()
            while True:  # what came behind it is lost as well, until the end is noticed
                self._connection.receive(timeout, phase)
        return rewritten

    def close(self) -> None:
        self._connection.close()


class AsyncHostileTransport(AsyncNetworkTransport):
    """The same, with await."""

    def __init__(self, **means) -> None:
        super().__init__()
        self._means = Means(**means)

    async def connect(self, url: str, timeout: float | None):
        connection = await super().connect(self._means.url(url), timeout)
        return AsyncHostileConnection(connection, self._means)

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        return self._means.answer(request, await super().request(request, timeout))


class AsyncHostileConnection:
    def __init__(self, connection, means: Means) -> None:
        self._connection = connection
        self._means = means
        self._sent = self._received = 0

    async def send(self, message: bytes, timeout: float | None) -> None:
        rewritten = self._means.to_enclave(self._sent, message)
        self._sent += 1
        if rewritten is None:
            await self._connection.close()
        else:
            await self._connection.send(rewritten, timeout)

    async def pending(self) -> bytes | None:
        message = await self._connection.pending()
        return None if message is None else await self._passed_on(message, None, "idle")

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        message = await self._connection.receive(timeout, phase)
        return await self._passed_on(message, timeout, phase)

    async def _passed_on(self, message: bytes, timeout: float | None, phase: str) -> bytes:
        rewritten = self._means.to_client(self._received, message)
        self._received += 1
        if rewritten is None:
            await self._connection.close()
            while True:
                await self._connection.receive(timeout, phase)
        return rewritten

    async def close(self) -> None:
        await self._connection.close()


def flip(message: bytes, position: int) -> bytes:
    """Return the message with one bit changed."""
    changed = bytearray(message)
    changed[position] ^= 1
    return bytes(changed)


def in_first(change: Callable[[bytes], bytes | None]) -> Rewrite:
    """Return a rewrite of a connection's first message only."""
    return lambda number, message: change(message) if number == 0 else message


class Replay:
    """A rewrite that sends, as each connection's first message, that of the first connection."""

    def __init__(self) -> None:
        self.recorded: list[bytes] = []

    def __call__(self, number: int, message: bytes) -> bytes:
        if number:
            return message
        self.recorded.append(message)
        return self.recorded[0]
