"""One attested session, without I/O: it turns calls into messages and messages into answers.

Spec: docs/spec/session.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from . import _core, errors
from ._clock import now_ms
from ._effects import Operation, Receive, Send, TakePending
from ._readings import Answer, PlainReading, Reading, RunAnswer, RunReading
from ._refused_documents import document_in_hello
from ._skew import hint_of_skew

_log = logging.getLogger("pycape")

# Spec: docs/spec/session.md, frames.
_MAX_INLINE = 64 * 1024
_CHUNK = 256 * 1024

# X-Wing, then X25519; both with AES-256-GCM.
OFFER = (1, 2)

# RFC 6455, section 7.4.1.
_GOING_AWAY = 1001

T = TypeVar("T")
_End: TypeAlias = _core.EndEvent | _core.ErrorEvent


class Session:
    """A session whose other side has proved what it is; one call at a time.

    A call that ends without the enclave's answer leaves the session in a state that nobody knows:
    no further call is made then. Neither is one after CLOSE.
    """

    def __init__(self, core: _core.ClientSession) -> None:
        self._core = core
        self._ended: str | None = None
        self._owner_proofs: dict[str, str] = {}
        self._last_receipt = 0

    @classmethod
    def attest(
        cls,
        handshake: _core.ClientHandshake,
        trust_roots: _core.TrustRoots,
        policy: _core.Policy,
        cache: _core.ChainCache,
    ) -> Operation[Session]:
        """Receive the enclave's document and judge it; only then is there a session.

        Raises:
            AttestationError: the enclave did not prove itself.
            ConnectFailed: the connection closed before, or there is no document now.
        """
        try:
            hello = yield Receive("attest")
        except errors.StreamTruncated as error:
            raise errors.ConnectFailed(
                f"the enclave's host closed the connection before it attested: {error}"
            ) from error
        except errors.ProtocolError as error:
            # A text in place of the document: nothing was sent, and nothing is decided by it.
            raise errors.ConnectFailed(f"the enclave did not attest: {error}") from error
        now = now_ms()
        try:
            session = cls(handshake.verify(hello, trust_roots, policy, cache, now))
        except errors.AttestationError as error:
            error.document = document_in_hello(hello)
            error.hint = hint_of_skew(error, error.document, now) or error.hint
            raise
        _log.debug("attested: %r", session.attestation)
        return session

    @property
    def attestation(self) -> _core.VerifiedAttestation:
        """What the enclave proved."""
        return self._core.attestation

    @property
    def has_ended(self) -> bool:
        """Whether no further call can be made."""
        return self._ended is not None

    def end(self, reason: str) -> None:
        """Make no further call; `reason` is for whoever tries."""
        self._ended = self._ended or reason

    def sign_owner_proof(self, account: _core.Account) -> str:
        """Sign this session as the account: the right to all of the account's functions.

        One signature does for all calls of the session; it holds for no other.
        """
        if account.id not in self._owner_proofs:
            proof = account.sign_owner_proof(self._core.owner_session)
            self._owner_proofs[account.id] = proof
        return self._owner_proofs[account.id]

    def run(
        self,
        checksum: str,
        *,
        token: str | None,
        owner_proof: str | None,
        statements: list[str],
        shared: bool,
        data: memoryview,
    ) -> Operation[RunAnswer]:
        """Run a function on `data`, and check the enclave's receipt of that.

        Raises:
            ReceiptInvalid: there is none, or it does not hold; no further call is made then.
        """
        whole = data.nbytes <= _MAX_INLINE
        reading = RunReading(self._core, bytes.fromhex(checksum), data, after=self._last_receipt)
        try:
            answer = yield from self._call(
                lambda: self._core.open_run(
                    reading.checksum,
                    call_nonce=reading.call_nonce,
                    token=token,
                    owner_proof=owner_proof,
                    statements=statements,
                    shared=shared,
                    deadline_ms=None,
                    input=data if whole else None,
                ),
                reading,
                None if whole else (data,),
            )
        except errors.CapeError as error:
            if error.receipt is not None:
                self._last_receipt = error.receipt.sequence
            raise
        self._last_receipt = answer.receipt.sequence
        return answer

    def deploy(self, manifest: str, owner_proof: str, chunks: Iterable[bytes]) -> Operation[Answer]:
        """Hand over a function's bundle, piece by piece."""
        return self._call(
            lambda: self._core.open_deploy(manifest, owner_proof), PlainReading(), chunks
        )

    def key(self, account: str, kem: str, statements: list[str]) -> Operation[Answer]:
        """Ask for an account's public key."""
        return self._call(lambda: self._core.open_key(account, kem, statements), PlainReading())

    def describe(self) -> Operation[Answer]:
        """Ask the enclave what it is and how it does."""
        return self._call(self._core.open_describe, PlainReading())

    def _call(
        self,
        open_call: Callable[[], tuple[int, bytes]],
        reading: Reading[T],
        chunks: Iterable[memoryview | bytes] | None = None,
    ) -> Operation[T]:
        """Make a call; `chunks` is its input where OPEN does not have it.

        A call that failed leaves its session as it was, unless what it says of that is wrong.

        Raises:
            ConnectFailed: the session has ended; nothing was sent.
        """
        yield from self._catch_up()
        call, message = open_call()
        output: list[bytes] = []
        try:
            yield Send(message)
            end = None if chunks is None else (yield from self._upload(call, chunks, output))
            while end is None:
                end = yield from self._receive(call, output, "idle" if output else "request")
            if isinstance(end, _core.ErrorEvent):
                failure = reading.failure(end)
            else:
                return reading.success(end, b"".join(output))
        except BaseException as error:
            # GeneratorExit is whoever drives this giving up.
            given_up = isinstance(error, GeneratorExit)
            self.end(f"a call was {'given up' if given_up else f'broken off: {error}'}")
            raise
        raise failure

    def _catch_up(self) -> Operation[None]:
        """Take what came since the last call: the enclave may have ended the connection."""
        while self._ended is None:
            try:
                message = yield TakePending()
            except errors.TransportError as error:
                self.end(str(error))
                break
            if message is None:
                return
            self._take(message)
        raise errors.ConnectFailed(
            f"nothing was sent: this connection has ended ({self._ended})",
            hint="open another, with function_context or connect",
        )

    def _upload(
        self, call: int, chunks: Iterable[memoryview | bytes], output: list[bytes]
    ) -> Operation[_End | None]:
        """Send as the enclave grants; an end that comes before the input's ends the upload."""
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest.nbytes:
                size = min(self._core.sendable(call), _CHUNK, rest.nbytes)
                if size:
                    yield Send(self._core.data(call, rest[:size]))
                    rest = rest[size:]
                elif (end := (yield from self._receive(call, output, "idle"))) is not None:
                    return end
        yield Send(self._core.end(call))
        return None

    def _receive(self, call: int, output: list[bytes], phase: str) -> Operation[_End | None]:
        """Take one message; the call's end, once it is there."""
        event = self._take((yield Receive(phase)))
        match event:
            case _core.DataEvent():
                output.append(event.data)
                grant = self._core.consumed(call, len(event.data))
                if grant is not None:
                    yield Send(grant)
            case _core.EndEvent():
                output.append(event.output)
                return event
            case _core.ErrorEvent():
                return event
        return None

    def _take(self, message: bytes) -> _core.Event | None:
        """Open one message, and see to what concerns the session as a whole."""
        try:
            event = self._core.receive(message)
        except errors.CapeError as error:
            self.end(str(error))
            raise
        match event:
            case _core.CloseEvent():
                self.end(f"the enclave closed it with code {event.code}{_why(event.code)}")
            case _core.ErrorEvent(call=0):
                self.end(f"the enclave ended it: {event.message}")
                raise errors.from_wire(event.name, event.message, event.details)
        return event


def _why(code: int) -> str:
    """Return why an enclave takes no new calls on a connection, as far as the code tells."""
    if code != _GOING_AWAY:
        return ""
    return ", as it does after an hour, or when a connection is idle, or when it stops itself"
