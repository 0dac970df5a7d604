"""A host that does what hosts can do: see, change, hold back and replay bytes, and lie."""

import dataclasses
import json
from collections.abc import Callable

from pycape._effects import HttpRequest, HttpResponse
from pycape._network import NetworkTransport

Rewrite = Callable[[int, bytes], bytes | None]


def unchanged(_number: int, message: bytes) -> bytes:
    return message


class HostileTransport(NetworkTransport):
    """The network, through a host that rewrites.

    `to_enclave` and `to_client` get a message's number and its bytes and return what goes on; None
    closes the connection instead. `url` rewrites the address a connection is opened to, and
    `answers` the control plane's JSON answers by path prefix.
    """

    def __init__(
        self,
        *,
        to_enclave: Rewrite = unchanged,
        to_client: Rewrite = unchanged,
        url: Callable[[str], str] = str,
        answers: dict[str, Callable[[dict], dict]] | None = None,
    ) -> None:
        super().__init__()
        self._to_enclave = to_enclave
        self._to_client = to_client
        self._url = url
        self._answers = answers or {}

    def connect(self, url: str, timeout: float | None):
        connection = super().connect(self._url(url), timeout)
        return HostileConnection(connection, self._to_enclave, self._to_client)

    def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        response = super().request(request, timeout)
        path = request.url.split("/", 3)[3]
        for prefix, lie in self._answers.items():
            if path.startswith(prefix) and response.status == 200:
                content = json.dumps(lie(response.json())).encode()
                return dataclasses.replace(response, content=content)
        return response


class HostileConnection:
    def __init__(self, connection, to_enclave: Rewrite, to_client: Rewrite) -> None:
        self._connection = connection
        self._to_enclave = to_enclave
        self._to_client = to_client
        self._sent = self._received = 0

    def send(self, message: bytes, timeout: float | None) -> None:
        rewritten = self._to_enclave(self._sent, message)
        self._sent += 1
        if rewritten is None:
            self._connection.close()
        else:
            self._connection.send(rewritten, timeout)

    def receive(self, timeout: float | None, phase: str) -> bytes:
        message = self._connection.receive(timeout, phase)
        rewritten = self._to_client(self._received, message)
        self._received += 1
        if rewritten is None:
            self._connection.close()
            while True:  # what came behind it is lost as well, until the end is noticed
                self._connection.receive(timeout, phase)
        return rewritten

    def close(self) -> None:
        self._connection.close()


def flip(message: bytes, position: int) -> bytes:
    """Return the message with one bit changed."""
    changed = bytearray(message)
    changed[position] ^= 1
    return bytes(changed)
