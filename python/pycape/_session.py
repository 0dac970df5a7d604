"""One attested session, without I/O: it turns calls into messages and messages into answers.

Spec: docs/spec/session.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _core, errors
from ._effects import Operation, Receive, Send

# Spec: docs/spec/session.md, frames.
_MAX_INLINE = 64 * 1024
_CHUNK = 256 * 1024

# X-Wing, then X25519; both with AES-256-GCM.
OFFER = (1, 2)


def now_ms() -> int:
    """Return the time by this machine's clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Answer:
    """What an enclave answered to one call, whole and authenticated.

    `usage` has what the enclave measured: duration_us, cpu_us, peak_memory_bytes, cold.
    """

    output: bytes
    usage: Mapping[str, Any]
    public_key: _core.AccountKey | None
    description: _core.Description | None


class Session:
    """A session whose other side has proved what it is."""

    def __init__(self, core: _core.ClientSession) -> None:
        self._core = core
        self._ended = False

    @classmethod
    def attest(
        cls,
        handshake: _core.ClientHandshake,
        trust_roots: _core.TrustRoots,
        policy: _core.Policy,
        cache: _core.ChainCache,
    ) -> Operation[Session]:
        """Receive the enclave's document and judge it; only then is there a session."""
        try:
            hello = yield Receive("attest")
        except errors.StreamTruncated as error:
            raise errors.ConnectFailed(
                f"the enclave's host closed the connection before it attested: {error}"
            ) from error
        return cls(handshake.verify(hello, trust_roots, policy, cache, now_ms()))

    @property
    def attestation(self) -> _core.VerifiedAttestation:
        """What the enclave proved."""
        return self._core.attestation

    @property
    def ended(self) -> bool:
        """Whether no further call can be made."""
        return self._ended

    def sign_owner_proof(self, account: _core.Account) -> str:
        """Sign this session as the account: the right to all of the account's functions."""
        return account.sign_owner_proof(self._core.owner_session)

    def run(
        self,
        checksum: str,
        *,
        token: str | None,
        owner_proof: str | None,
        statements: list[str],
        shared: bool,
        deadline_ms: int | None,
        data: memoryview,
    ) -> Operation[Answer]:
        """Run a function on `data`."""
        inline = data if data.nbytes <= _MAX_INLINE else None
        call, message = self._core.open_run(
            bytes.fromhex(checksum),
            token=token,
            owner_proof=owner_proof,
            statements=statements,
            shared=shared,
            deadline_ms=deadline_ms,
            input=inline,
        )
        return (yield from self._call(call, message, () if inline is not None else _cut(data)))

    def deploy(self, manifest: str, owner_proof: str, chunks: Iterable[bytes]) -> Operation[Answer]:
        """Hand over a function's bundle, piece by piece."""
        call, message = self._core.open_deploy(manifest, owner_proof)
        return (yield from self._call(call, message, chunks))

    def key(self, account: str, kem: str, statements: list[str]) -> Operation[Answer]:
        """Ask for an account's public key."""
        call, message = self._core.open_key(account, kem, statements)
        return (yield from self._call(call, message, ()))

    def describe(self) -> Operation[Answer]:
        """Ask the enclave what it is and how it does."""
        call, message = self._core.open_describe()
        return (yield from self._call(call, message, ()))

    def _call(
        self, call: int, message: bytes, chunks: Iterable[memoryview | bytes]
    ) -> Operation[Answer]:
        try:
            yield Send(message)
            output: list[bytes] = []
            if chunks:
                answer = yield from self._upload(call, iter(chunks), output)
                if answer is not None:
                    return answer
            phase = "request"
            while True:
                answer = yield from self._receive(call, output, phase)
                if answer is not None:
                    return answer
                phase = "idle"
        except (errors.TransportError, GeneratorExit):
            self._ended = True
            raise

    def _upload(
        self, call: int, chunks: Iterator[memoryview | bytes], output: list[bytes]
    ) -> Operation[Answer | None]:
        """Send as the enclave grants; an answer that comes before the end ends the upload."""
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest.nbytes:
                credit = self._core.sendable(call)
                if credit == 0:
                    answer = yield from self._receive(call, output, "idle")
                    if answer is not None:
                        return answer
                    continue
                size = min(credit, _CHUNK, rest.nbytes)
                yield Send(self._core.data(call, rest[:size]))
                rest = rest[size:]
        yield Send(self._core.end(call))
        return None

    def _receive(self, call: int, output: list[bytes], phase: str) -> Operation[Answer | None]:
        event = self._core.receive((yield Receive(phase)))
        match event:
            case _core.CloseEvent():
                self._ended = True
            case _core.ErrorEvent(call=0):
                self._ended = True
                raise errors.from_wire(event.name, event.message, event.details)
            case _core.ErrorEvent() if event.call == call:
                raise errors.from_wire(event.name, event.message, event.details)
            case _core.DataEvent() if event.call == call:
                output.append(event.data)
                grant = self._core.consumed(call, len(event.data))
                if grant is not None:
                    yield Send(grant)
            case _core.EndEvent() if event.call == call:
                output.append(event.output)
                return Answer(b"".join(output), event.usage, event.account_key, event.description)
        return None


def _cut(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, data.nbytes, _CHUNK):
        yield data[start : start + _CHUNK]
