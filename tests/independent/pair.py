"""The package's client and the second one, both at one enclave that exists on paper."""

import base64
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

import pycape.errors
from pycape import _core

from . import attestation, cbor, errors, handshake, minted
from .calls import Call
from .connection import Connection
from .contents import Operation
from .frames import Direction, Type
from .handshake import SUITES, ServerHello
from .kem import KEMS
from .policy import Release

NOW_MS = 1_800_000_000_000
VAULT, RUNTIME, RECEIPT_KEY = bytes([7]) * 32, b"a description", b"a receipt key"
PCRS = {0: bytes([1]) * 48}
ROOT = minted.Certificate("root").issue(None)
CHAIN = [ROOT, minted.leaf().issue(ROOT)]
USER_DATA = {
    "v": 2,
    "use": "session",
    "vault": VAULT,
    "runtime": hashlib.sha256(RUNTIME).digest(),
    "receipts": hashlib.sha256(RECEIPT_KEY).digest(),
}
ROOTS = _core.TrustRoots.development([ROOT.der])
POLICY = _core.Policy([_core.Release(PCRS, VAULT)])
RELEASES = [Release("paper", PCRS, VAULT)]
PRIVATE = {kem.id: os.urandom(32) for kem in KEMS.values()}


def verdict(judge: Callable[[], Any]) -> str | None:
    """Return the name of the error, None where there is none."""
    try:
        judge()
    except (errors.CapeError, pycape.errors.CapeError) as error:
        return type(error).__name__
    return None


class Asked:
    """What the package's client has asked: its offer, its nonce, and what it waits for."""

    def __init__(self, offer: Sequence[int]):
        self.offer = list(offer)
        self._core = _core.ClientHandshake(self.offer)
        self.query = self._core.query
        nonce = parse_qs(self.query)["nonce"][0]
        self.nonce = base64.urlsafe_b64decode(nonce + "=")
        self.session: _core.ClientSession | None = None

    def members(self, suite: int, path: Sequence[bytes] = (), index: int = 0) -> dict[int, Any]:
        """Return the map of a ServerHello that answers it."""
        kem = KEMS[SUITES[suite][0]]
        public = kem.public_key(PRIVATE[kem.id])
        hello = ServerHello(b"", suite, b"", public, bytes(32), list(path), index)
        root = handshake.root(handshake.leaf(hello, self.offer, self.nonce), path, index)
        return {1: suite, 2: document(root), 3: public, 4: bytes(32), 5: list(path), 6: index}

    def package(self, server_hello: bytes) -> str | None:
        """Return the verdict of the package; it can be asked for once."""

        def verify():
            cache = _core.ChainCache()
            self.session = self._core.verify(server_hello, ROOTS, POLICY, cache, NOW_MS)

        return verdict(verify)

    def other(self, server_hello: bytes) -> str | None:
        """Return the verdict of the second implementation."""
        return verdict(lambda: self.judge(server_hello))

    def judge(self, server_hello: bytes) -> tuple[ServerHello, bytes, attestation.Verified]:
        hello = handshake.read_server_hello(server_hello, self.offer)
        leaf = handshake.leaf(hello, self.offer, self.nonce)
        verified = attestation.verify_session(
            hello.document,
            nonce=handshake.root(leaf, hello.path, hello.index),
            trust_roots=[ROOT.der],
            releases=RELEASES,
            now_ms=NOW_MS,
        )
        return hello, leaf, verified


def document(nonce: bytes) -> bytes:
    stated = cbor.encode(USER_DATA)
    members = minted.members(CHAIN, nonce=nonce, user_data=stated, timestamp=NOW_MS)
    return minted.document(CHAIN, members)


class NoSocket:
    """What the second client sends by itself goes nowhere."""

    def send(self, message: bytes) -> None:
        pass


class Pair:
    """Both clients in one session, whose enclave says what the test makes it say.

    The keys are those of the package's client, so both see the same frames.
    """

    def __init__(self, suite: int = 2):
        asked = Asked([suite])
        server_hello = cbor.encode(asked.members(suite))
        assert asked.package(server_hello) is None
        assert asked.session is not None
        self.package = asked.session
        self.hello, self.leaf, self._verified = asked.judge(server_hello)
        self.first = b""
        self._calls: list[Call] = []

    def run(self, input_: bytes | None = b"", nonce: bytes | None = None) -> None:
        self.open(
            Operation.RUN,
            lambda: self.package.open_run(
                bytes(32),
                call_nonce=nonce,
                token="token",
                owner_proof=None,
                statements=[],
                shared=False,
                log=False,
                deadline_ms=None,
                input=input_,
                salts=None,
            ),
            receipt=nonce is not None,
        )

    def open(
        self,
        operation: Operation,
        send: Callable[[], tuple[int, bytes]],
        wanted: dict[int, Any] | None = None,
        *,
        receipt: bool = False,
    ) -> None:
        number, message = send()
        self.first = self.first or message
        self._calls.append(
            Call(number, b"", False, False, operation, wanted, receipt, grants=False)
        )

    def establish(self) -> None:
        """Let the enclave take the first message; from now on it can speak."""
        kem_id, _ = SUITES[self.hello.suite]
        size = KEMS[kem_id].encapsulated_size
        encapsulated, self.opening = self.first[:size], self.first[size:]
        keys = handshake.enclave_keys(self.hello, self.leaf, PRIVATE[kem_id], encapsulated)
        self.keys = keys
        self.enclave = Direction(keys, "e2c")
        self.other = Connection(
            NoSocket(), self._verified, self.hello.document, self.leaf, b"", keys
        )
        self.other.calls = {call.number: call for call in self._calls}

    def verdicts(self, message: bytes) -> tuple[str | None, str | None]:
        """Return what each of them says of a message: the second one's, and the package's."""
        return (
            verdict(lambda: self.other.take(message)),
            verdict(lambda: self.package.receive(message)),
        )

    def sealed(self, type_: Type, call: int, content: bytes) -> bytes:
        return self.enclave.seal(type_, call, content)
