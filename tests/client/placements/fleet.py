"""Enclaves at some addresses, and a control plane that names one; there is no network."""

import asyncio
import inspect
import json
from collections.abc import Callable, Sequence
from typing import ClassVar

from tests.client.doubles import answer, manifest, problem
from tests.client.session_doubles import CloseEvent, Core, Enclave, EndEvent, ErrorEvent

from pycape import _core, errors
from pycape._effects import HttpRequest, HttpResponse

YEAR_9999 = 253_402_300_799

HELLO, WRONG_HELLO = b"hello", b"what another program shows"


def address(port: int) -> str:
    return f"ws://127.0.0.1:{port}/v2/session"


class FleetConnection(Enclave):
    closed = False

    def close(self) -> None:
        self.closed = True


def says(*messages: object, before: Sequence[object] = ()) -> Callable[[], FleetConnection]:
    """An enclave that says this on each connection; `before` a call is made, what is there."""
    return lambda: FleetConnection(*messages, early=before)


serves = says(HELLO, EndEvent(b"output"))

# It proves itself, and takes no call any more.
is_stopping = says(HELLO, CloseEvent(), ErrorEvent("Overloaded"))

# It goes away before anything was sent.
has_closed = says(HELLO, before=[errors.StreamTruncated("closed with 1001 (going away)")])


class Handshake:
    """A handshake that believes `HELLO` alone."""

    policies: ClassVar[list[object]] = []

    def __init__(self, _offer: object) -> None:
        self.query = "nonce=x"

    def verify(self, hello: bytes, _roots, policy, _cache, _now_ms: int) -> Core:
        self.policies.append(policy)
        if hello != HELLO:
            raise errors.TrustRootMismatch("signed by somebody else")
        return Core()


class Fleet:
    """A transport. `enclaves` have, by port, what makes a connection, or the error without one."""

    def __init__(self) -> None:
        self.place: int | None = 1
        self.expires: object = YEAR_9999
        self.answers: dict[str, HttpResponse] = {}
        self.enclaves: dict[int, Callable[[], FleetConnection] | errors.CapeError] = {1: serves}
        self.asked: list[str | None] = []
        self.connects: list[int] = []
        self.connections: list[FleetConnection] = []

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        path = request.url.partition("/v2")[2].partition("?")[0]
        if path != "/placements":
            return self.answers.get(f"{request.method} {path}", problem(404, "NotFound"))
        self.asked.append(json.loads(request.content)["function"])
        if self.place is None:
            return problem(503, "Overloaded", "no enclave is running")
        return answer(200, {"url": address(self.place), "expires": self.expires})

    def connect(self, url: str, timeout: float | None):
        port = int(url.removeprefix("ws://127.0.0.1:").partition("/")[0])
        self.connects.append(port)
        enclave = self.enclaves.get(port, errors.ConnectFailed("nobody there"))
        if isinstance(enclave, Exception):
            raise enclave
        self.connections.append(enclave())
        return self.connections[-1]

    def close(self) -> None:
        pass


class AsyncFleet(Fleet):
    """The same, with await."""

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        return super().request(request, timeout)

    async def connect(self, url: str, timeout: float | None):
        return AsyncConnection(super().connect(url, timeout))

    async def close(self) -> None:
        pass


class AsyncConnection:
    def __init__(self, connection: FleetConnection) -> None:
        self._connection = connection

    async def send(self, message, timeout) -> None:
        self._connection.send(message, timeout)

    async def receive(self, timeout, phase):
        await asyncio.sleep(0)
        return self._connection.receive(timeout, phase)

    async def pending(self):
        await asyncio.sleep(0)
        return self._connection.pending()

    async def close(self) -> None:
        self._connection.close()


class Awaited:
    """An async client whose methods are called as the sync client's are."""

    def __init__(self, client) -> None:
        self._client = client

    def __getattr__(self, name: str):
        found = getattr(self._client, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **named: asyncio.run(found(*args, **named))


def function_of(cape, name: str) -> str:
    """Have the control plane know a function of this client's account; return its id."""
    text = manifest(cape._platform.account, name)
    function_id = _core.Manifest.verify(text).function_id
    cape._transport.answers[f"GET /functions/{function_id}"] = answer(200, {"manifest": text})
    return function_id
