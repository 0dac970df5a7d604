"""One attested session, without I/O: it turns calls into messages and messages into answers.

Spec: docs/spec/session.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from . import _core, errors
from ._clock import now_ms
from ._effects import Came, Give, GivenUpError, Operation, ReadInput, Receive, Send, TakePending
from ._input_stream import InputStream
from ._readings import Answer, OutputReading, PlainReading, Reading, RunAnswer, RunReading
from ._refused_documents import document_in_hello
from ._skew import hint_of_skew
from ._stream_reading import StreamReading

if TYPE_CHECKING:
    from ._buffer import Buffer
    from ._logs import LogReader

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
# Input of a call that OPEN does not have.
_Pieces: TypeAlias = InputStream | Iterator["Buffer"]


@dataclass
class _Call(Generic[T]):
    """A call that is being made. `digests` is its reading where nobody has all of its data."""

    reading: Reading[T]
    digests: StreamReading | None = None
    logs: LogReader | None = None
    given_as_it_comes: bool = False
    number: int = 0
    begun: bool = False
    output: list[bytes] = field(default_factory=list)


class Session:
    """A session whose other side has proved what it is; one call at a time.

    A call that ends without the enclave's answer leaves the session in a state that nobody knows:
    no further call is made then. Neither is one after CLOSE.
    """

    def __init__(self, core: _core.ClientSession) -> None:
        self._core = core
        self._ended: str | None = None
        self._did_nothing = False
        self._was_left = False
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

    @property
    def did_nothing(self) -> bool:
        """Whether the last call was refused before anything of it ran, and its input is there."""
        return self._did_nothing

    @property
    def was_left(self) -> bool:
        """Whether the other side ended it, in order or between calls; no call was broken off."""
        return self._was_left

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
        data: memoryview | InputStream,
        logs: LogReader | None = None,
        receipt: bool,
        streamed: bool = False,
    ) -> Operation[RunAnswer]:
        """Run a function on `data`; with `receipt` ask for one of that, and check it.

        A `streamed` output is given as it comes, and not part of the answer.

        Raises:
            ReceiptInvalid: one was asked for, and there is none, or it does not hold; no further
                call is made then.
        """
        code = bytes.fromhex(checksum)
        reading: OutputReading | RunReading | StreamReading
        digests = None
        if not receipt:
            reading = OutputReading()
        elif streamed or isinstance(data, InputStream):
            reading = digests = StreamReading(self._core, code, after=self._last_receipt)
        else:
            reading = RunReading(self._core, code, data, after=self._last_receipt)
        whole = data if isinstance(data, memoryview) and data.nbytes <= _MAX_INLINE else None
        if whole is not None and digests is not None:
            digests.sent(whole, 0)
        try:
            answer = yield from self._call(
                lambda: self._core.open_run(
                    code,
                    call_nonce=reading.call_nonce,
                    token=token,
                    owner_proof=owner_proof,
                    statements=statements,
                    shared=shared,
                    log=logs is not None,
                    deadline_ms=None,
                    input=whole,
                    salts=None if digests is None else digests.salts,
                ),
                _Call(reading, digests, logs, streamed),
                _pieces_of(data) if whole is None else None,
            )
        except errors.CapeError as error:
            if error.receipt is not None:
                self._last_receipt = error.receipt.sequence
            if isinstance(error, errors.TooLarge) and isinstance(data, memoryview):
                _tell_size(error, data.nbytes)
            raise
        finally:
            if isinstance(data, InputStream):
                data.close()
        if answer.receipt is not None:
            self._last_receipt = answer.receipt.sequence
        return answer

    def deploy(
        self, manifest: str, owner_proof: str, pieces: Iterable[bytes], *, zstd: bool = False
    ) -> Operation[Answer]:
        """Hand over a function's bundle, piece by piece; `zstd`: they are one zstd stream."""
        return self._call(
            lambda: self._core.open_deploy(manifest, owner_proof, zstd=zstd),
            _Call(PlainReading()),
            iter(pieces),
        )

    def key(self, account: str, kem: str, statements: list[str]) -> Operation[Answer]:
        """Ask for an account's public key."""
        call = _Call(PlainReading())
        return self._call(lambda: self._core.open_key(account, kem, statements), call)

    def describe(self) -> Operation[Answer]:
        """Ask the enclave what it is and how it does."""
        return self._call(self._core.open_describe, _Call(PlainReading()))

    def catch_up(self) -> Operation[None]:
        """Take what came since the last call: the enclave may have ended the connection.

        Raises:
            ConnectFailed: the session has ended; nothing was sent.
        """
        while self._ended is None:
            try:
                message = yield TakePending()
            except errors.TransportError as error:
                self._was_left = True
                self.end(str(error))
                break
            if message is None:
                return
            self._take(message)
        self._did_nothing = True
        raise errors.ConnectFailed(
            f"nothing was sent: this connection has ended ({self._ended})",
            hint="open another, with function_context or connect",
        )

    def _call(
        self,
        open_call: Callable[[], tuple[int, bytes]],
        call: _Call[T],
        pieces: _Pieces | None = None,
    ) -> Operation[T]:
        """Make a call; `pieces` are its input where OPEN does not have it.

        A call that failed leaves its session as it was, unless what it says of that is wrong.

        Raises:
            ConnectFailed: the session has ended; nothing was sent.
        """
        self._did_nothing = False
        yield from self.catch_up()
        # An input that cannot be read costs no call.
        first = None if pieces is None else (yield from _next(pieces))
        call.number, message = open_call()
        try:
            yield Send(message)
            try:
                end = None if pieces is None else (yield from self._upload(call, first, pieces))
                while end is None:
                    end = yield from self._receive(call, "idle" if call.begun else "request")
            except GivenUpError:
                end = yield from self._cancel(call)
            if isinstance(end, _core.ErrorEvent):
                failure = call.reading.failure(end)
            else:
                return (yield from self._succeed(call, end))
        except BaseException as error:
            # GeneratorExit is whoever drives this giving up.
            given_up = isinstance(error, GeneratorExit)
            self.end(f"a call was {'given up' if given_up else f'broken off: {error}'}")
            raise
        of_stream = isinstance(pieces, InputStream)
        self._did_nothing = isinstance(failure, errors.Overloaded) and not of_stream
        raise failure

    def _succeed(self, call: _Call[T], end: _core.EndEvent) -> Operation[T]:
        """Return the answer, and give the last of the output once that is proved."""
        if call.digests is not None:
            call.digests.took(end.output)
        if not call.given_as_it_comes:
            return call.reading.success(end, b"".join((*call.output, end.output)))
        answer = call.reading.success(end, b"")
        if end.output:
            with suppress(GivenUpError):  # it has ended by itself
                yield Give(end.output)
        return answer

    def _cancel(self, call: _Call[T]) -> Operation[_End]:
        """Say that a call is not wanted any more, and wait for its end."""
        call.given_as_it_comes = False
        yield Send(self._core.cancel(call.number))
        end = None
        while end is None:
            end = yield from self._receive(call, "idle")
            call.output.clear()
        return end

    def _upload(
        self, call: _Call[T], first: Buffer | Came | None, pieces: _Pieces
    ) -> Operation[_End | None]:
        """Send the input; an end of the call that comes before the input's ends the upload."""
        given: Buffer | Came | None = first
        while given is not None:
            if isinstance(given, Came):
                end = yield from self._handle(call, given.message)
            else:
                end = yield from self._send(call, memoryview(given))
            if end is not None:
                return end
            given = yield from _next(pieces, listening=True)
        yield Send(self._core.end(call.number))
        return None

    def _send(self, call: _Call[T], piece: memoryview) -> Operation[_End | None]:
        """Send as much at a time as the enclave grants; the call's end, if it comes meanwhile."""
        while piece.nbytes:
            size = min(self._core.sendable(call.number), _CHUNK, piece.nbytes)
            if not size:
                if (end := (yield from self._receive(call, "idle"))) is not None:
                    return end
                continue
            yield Send(self._core.data(call.number, piece[:size]))
            if call.digests is not None:
                call.digests.sent(piece[:size], self._core.sendable(call.number))
            piece = piece[size:]
        return None

    def _receive(self, call: _Call[T], phase: str) -> Operation[_End | None]:
        """Take one message; the call's end, once it is there."""
        return (yield from self._handle(call, (yield Receive(phase))))

    def _handle(self, call: _Call[T], message: bytes) -> Operation[_End | None]:
        event = self._take(message)
        match event:
            case _core.DataEvent():
                yield from self._take_output(call, event.data)
            case _core.EndEvent() | _core.ErrorEvent():
                if call.logs is not None:
                    yield from call.logs.take(b"", last=True)
                return event
            case _core.LogEvent() if call.logs is not None:
                yield from call.logs.take(event.data)
        return None

    def _take_output(self, call: _Call[T], data: bytes) -> Operation[None]:
        """Keep or give some output; what was given is room for more."""
        call.begun = True
        if call.digests is not None:
            call.digests.took(data)
        if call.given_as_it_comes:
            yield Give(data)
        else:
            call.output.append(data)
        grant = self._core.consumed(call.number, len(data))
        if grant is not None:
            yield Send(grant)

    def _take(self, message: bytes) -> _core._Event | None:
        """Open one message, and see to what concerns the session as a whole."""
        try:
            event = self._core.receive(message)
        except errors.CapeError as error:
            self.end(str(error))
            raise
        match event:
            case _core.CloseEvent():
                self._was_left = True
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


def _tell_size(error: errors.TooLarge, size: int) -> None:
    """Say how large an input was that was refused before the enclave had all of it."""
    if error.size is None and error.details.get("what") == "input":
        error.size = size
        error.details["size"] = str(size)


def _pieces_of(data: memoryview | InputStream) -> _Pieces:
    return data if isinstance(data, InputStream) else iter((data,))


def _next(pieces: _Pieces, *, listening: bool = False) -> Operation[Buffer | Came | None]:
    """Return the next piece of an input, None at its end; or what comes first, if listening."""
    if isinstance(pieces, InputStream):
        return (yield ReadInput(pieces, listening))
    return next(pieces, None)
