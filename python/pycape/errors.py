"""What pycape raises.

* CapeError
  x ConfigError
    + PolicyRequired
  x AttestationError
    + DocumentMalformed
    + ChainInvalid
    + SignatureInvalid
    + CertificateExpired
    + DocumentTooOld
    + NonceMismatch
    + PcrMismatch
    + VaultMismatch
    + DebugModeEnclave
    + TrustRootMismatch
    + ReceiptInvalid
  x CryptoError
    + DecryptFailed
    + Truncated
    + UnsupportedFormat
    + KeyInvalid
    + UseForbidden
    + RecipientUnknown
    + RecipientChanged
  x TransportError
    + ConnectFailed
    + TimeoutExpired
    + StreamTruncated
    + ProtocolError
  x ServiceError
    + NotFound
    + Conflict
    + TooLarge
    + Overloaded
    + FunctionCorrupted
    + ChecksumMismatch
    + PermissionDenied
      - TokenInvalid
      - TokenExpired
      - TokenRevoked
      - TokenWrongFunction
  x FunctionError
    + FunctionTimeout
    + FunctionOutOfMemory
    + FunctionCrashed
    + Cancelled
  x PackagingError
    + NoWheelForPlatform
    + HandlerMissing
    + FileRefused
    + BundleTooLarge
  x ImageError
    + ImageMalformed
    + ArchiveRefused
    + ImageNotReproduced

Besides these, only `TypeError` and `ValueError` leave the package, for arguments that no
circumstances would make right.
"""

# ruff: noqa: N818 - the names say what happened; `CapeError` says that they are errors
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ._several import several_by_name
from ._strangers import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ._core import VerifiedReceipt

    _Facts = Mapping[str, Callable[[str], Any]]

__all__ = [
    "ArchiveRefused",
    "AttestationError",
    "BundleTooLarge",
    "Cancelled",
    "CapeError",
    "CertificateExpired",
    "ChainInvalid",
    "ChecksumMismatch",
    "ConfigError",
    "Conflict",
    "ConnectFailed",
    "CryptoError",
    "DebugModeEnclave",
    "DecryptFailed",
    "DocumentMalformed",
    "DocumentTooOld",
    "FileRefused",
    "FunctionCorrupted",
    "FunctionCrashed",
    "FunctionError",
    "FunctionOutOfMemory",
    "FunctionTimeout",
    "HandlerMissing",
    "ImageError",
    "ImageMalformed",
    "ImageNotReproduced",
    "KeyInvalid",
    "NoWheelForPlatform",
    "NonceMismatch",
    "NotFound",
    "Overloaded",
    "PackagingError",
    "PcrMismatch",
    "PermissionDenied",
    "PolicyRequired",
    "ProtocolError",
    "ReceiptInvalid",
    "RecipientChanged",
    "RecipientUnknown",
    "ServiceError",
    "SignatureInvalid",
    "StreamTruncated",
    "TimeoutExpired",
    "TokenExpired",
    "TokenInvalid",
    "TokenRevoked",
    "TokenWrongFunction",
    "TooLarge",
    "TransportError",
    "Truncated",
    "TrustRootMismatch",
    "UnsupportedFormat",
    "UseForbidden",
    "VaultMismatch",
    "error_class",
    "from_wire",
]

_DOCS = "docs/errors"
_SIGKILL = "9"


class CapeError(Exception):
    """Anything that goes wrong in Cape.

    `str(error)` is what happened, with its facts. `hint` is what to do about it, where
    there is something to do. `details` are further facts by name, as text. `code` never
    changes its meaning from one release to the next. `receipt` is the enclave's, verified, of a
    call that asks for one (`call`, `stream`) and whose handler had begun to run.
    """

    code: ClassVar[str] = "CAPE-000"
    _hint: ClassVar[str | None] = None
    _facts: ClassVar[_Facts] = {}

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.details: dict[str, str] = several_by_name("details", details)
        self.hint: str | None = self._hint_for(self.details) if hint is None else hint
        self.receipt: VerifiedReceipt | None = None

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:  # noqa: ARG003 - some depend on them
        return cls._hint

    @property
    def docs_url(self) -> str:
        """The page about this kind of error: a path in the project's repository.

        `cape explain CODE` prints what it says.
        """
        return f"{_DOCS}/{self.code}.md"


class ConfigError(CapeError):
    """A setting is missing, malformed or contradicts another."""

    code = "CAPE-CFG-001"


class PolicyRequired(ConfigError):
    """No policy says which enclaves are trusted, so none is."""

    code = "CAPE-CFG-002"
    _hint = "`cape join FILE` takes over a platform's policy; CAPE_POLICY names a policy file"


class AttestationError(CapeError):
    """The enclave did not prove what it has to prove. Nothing was sent to it.

    `document` is what was shown instead, where one was connected to: evidence, not to be believed.
    """

    code = "CAPE-ATT-000"
    document: bytes | None = None


class DocumentMalformed(AttestationError):
    """The attestation document breaks its format's rules."""

    code = "CAPE-ATT-001"
    _hint = "`cape inspect FILE` says what a file is; where a platform sent it, tell its operator"


class ChainInvalid(AttestationError):
    """The certificates do not lead from a trust root to the document's signer."""

    code = "CAPE-ATT-002"
    _hint = (
        "nothing mends it here: keep the document (`cape attest --save FILE`) and ask the operator"
    )


class SignatureInvalid(AttestationError):
    """The document was not signed by its certificate's key."""

    code = "CAPE-ATT-003"
    _hint = "connect again; if it persists, something on the way changes documents"


class CertificateExpired(AttestationError):
    """A certificate of the chain is outside its validity."""

    code = "CAPE-ATT-004"
    _hint = (
        "check this machine's clock (NTP): seconds slow or fast can be enough, since no skew is "
        "allowed for certificates; an old document has to be judged at its own time"
    )


class DocumentTooOld(AttestationError):
    """The document's time is too far from now."""

    code = "CAPE-ATT-005"
    _hint = "check this machine's clock, then connect again for a fresh document"


class NonceMismatch(AttestationError):
    """The document was made for somebody else's question."""

    code = "CAPE-ATT-006"
    _hint = "a replayed document looks like this: connect again, and do not use this one"


class PcrMismatch(AttestationError):
    """The enclave runs code that no release of the policy names.

    `index` is the register, `expected` and `actual` are hex of 48 bytes; `expected` is
    of the release that came closest.
    """

    code = "CAPE-ATT-007"
    _hint = "if a new release is due, take its measurements from its publisher, never from it"
    _facts: ClassVar[_Facts] = {
        "index": int,
        "expected": str,
        "actual": str,
    }

    def __init__(
        self,
        message: str = "",
        *,
        index: int | None = None,
        expected: str | None = None,
        actual: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.index = index
        self.expected = expected
        self.actual = actual


class VaultMismatch(AttestationError):
    """The enclave holds another platform's secret than the policy names."""

    code = "CAPE-ATT-008"
    _hint = "ask the platform's operator whether its vault was replaced, and why"


class DebugModeEnclave(AttestationError):
    """The enclave runs in debug mode: its host can read its console, and PCRs are zero."""

    code = "CAPE-ATT-009"
    _hint = "start the enclave without debug mode"


class TrustRootMismatch(AttestationError):
    """The document goes back to another root than the ones trusted here."""

    code = "CAPE-ATT-010"
    _hint = "a development platform's root comes with its profile: `cape join --development FILE`"


class ReceiptInvalid(AttestationError):
    """The receipt does not prove what it has to prove; `reason` names the check that failed."""

    code = "CAPE-ATT-011"
    _hint = "take the file as it was handed out; where the receipt came with a call, connect again"
    _hints_by_reason: ClassVar[Mapping[str, str]] = {
        "function": "`cape receipt show FILE` shows which function ran",
        "call_nonce": "`cape receipt show FILE` shows which call it is of",
        **dict.fromkeys(
            ("input", "output", "ciphertext"),
            "compare the bytes that were sent and that came, with the salts of the same run",
        ),
        **dict.fromkeys(
            ("salt", "salts"), "`cape run --receipt FILE` writes the run's salts as FILE.salts"
        ),
    }
    _facts: ClassVar[_Facts] = {"reason": str}

    def __init__(
        self,
        message: str = "",
        *,
        reason: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        details = details or {}
        super().__init__(
            message,
            hint=hint,
            details=details if reason is None else {**details, "reason": reason},
        )
        self.reason = reason

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:
        return cls._hints_by_reason.get(details.get("reason", ""), cls._hint)


class CryptoError(CapeError):
    """A key or a ciphertext could not be used."""

    code = "CAPE-CRY-000"
    _hint = "what is too long for one ciphertext goes into several"


class DecryptFailed(CryptoError):
    """No stanza opens with this key, or the ciphertext was altered: one error for both."""

    code = "CAPE-CRY-001"
    _hint = "it was sealed for another key or other external data, or it was altered on its way"
    _hint_of_a_chunk = (
        "the key is right, but these are not the bytes that were sealed: fetch it again"
    )

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:
        return cls._hint_of_a_chunk if "chunk" in details else cls._hint


class Truncated(CryptoError):
    """The ciphertext ends too early. Nothing of what was opened counts as authentic."""

    code = "CAPE-CRY-002"
    _hint = "fetch it again, and discard what was opened of it"


class UnsupportedFormat(CryptoError):
    """The version, suite or flags are not known to this release."""

    code = "CAPE-CRY-003"
    _hint = (
        "`cape inspect FILE` says what a file is; what a newer release made takes a newer pycape"
    )


class KeyInvalid(CryptoError):
    """The key is not of the stated kind."""

    code = "CAPE-CRY-004"
    _hint = (
        "copy it whole: a public key's text begins with capepk1, a private key's with capesk1, an "
        "account id with cape1; an RSA key is PEM or DER (PKCS#8, SubjectPublicKeyInfo)"
    )


class UseForbidden(CryptoError):
    """The ciphertext's own rules do not allow this use of it."""

    code = "CAPE-CRY-005"
    _hint = "pycape.envelope.inspect shows a ciphertext's rules; only a new one can have others"


class RecipientUnknown(CryptoError):
    """There is no key for this recipient."""

    code = "CAPE-CRY-006"
    _hint = "account ids (cape1...) need no directory and are always right"


class RecipientChanged(CryptoError):
    """A name that is known here stands for another account now."""

    code = "CAPE-CRY-007"
    _hint = "compare account ids with the owner by other means, then `cape accounts trust NAME`"


class TransportError(CapeError):
    """The conversation broke."""

    code = "CAPE-TRN-000"


class ConnectFailed(TransportError):
    """Nobody answers at this address: the platform's, or a package index's."""

    code = "CAPE-TRN-001"
    _hint = "`cape dev` starts a local platform; CAPE_URL or a profile names another"


class TimeoutExpired(TransportError):
    """The time for a phase ran out: `phase` is connect, attest, request or idle."""

    code = "CAPE-TRN-002"
    _hint = "pycape.Timeout and with_options set each limit; after request and idle it may have run"
    _facts: ClassVar[_Facts] = {"phase": str}

    def __init__(
        self,
        message: str = "",
        *,
        phase: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.phase = phase


class StreamTruncated(TransportError):
    """The connection closed before the authenticated end of an answer."""

    code = "CAPE-TRN-003"
    _hint = "discard what arrived; the call may have run, so repeat it only if that does no harm"


class ProtocolError(TransportError):
    """The other side sent what the protocol does not allow."""

    code = "CAPE-TRN-004"
    _hint = (
        "do pycape and the platform fit together, and does a proxy change what passes? "
        "`cape doctor` looks"
    )


class ServiceError(CapeError):
    """The platform refused.

    `status` is the HTTP status, None for an answer that came from inside an enclave; `request_id`
    names the request, or the call, in the operator's log.
    """

    code = "CAPE-SVC-000"
    _hint = "tell the platform's operator, with the request id if there is one (-v shows it)"
    _facts: ClassVar[_Facts] = {"request_id": str}
    _hints_of_a_run: ClassVar[Mapping[str, str]] = {
        "no": "nothing of the function ran: call again in a moment; the enclave's log has more",
        "perhaps": "the function may have run: where that is no harm, call again, newly connected",
    }

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.status = status
        self.request_id = request_id

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:
        return cls._hints_of_a_run.get(details.get("ran", ""), cls._hint)


class NotFound(ServiceError):
    """Nothing is known by this name or id."""

    code = "CAPE-SVC-001"
    _hint = "`cape function list` shows yours, `cape config` which platform is in use"


class Conflict(ServiceError):
    """Something else is already there."""

    code = "CAPE-SVC-002"
    _hint = "look at what is there, then try again or choose another name"


class TooLarge(ServiceError):
    """More bytes than the platform takes; `size` and `limit` count bytes."""

    code = "CAPE-SVC-003"
    _hint = "send less at once"
    _hints_by_what: ClassVar[Mapping[str, str]] = {
        "input": "a handler whose first parameter is annotated `BinaryIO` takes inputs of any size",
        "bundle": "list in .capeignore what the function does not need",
    }
    _facts: ClassVar[_Facts] = {**ServiceError._facts, "size": int, "limit": int}

    def __init__(
        self,
        message: str = "",
        *,
        size: int | None = None,
        limit: int | None = None,
        status: int | None = None,
        request_id: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id, hint=hint, details=details)
        self.size = size
        self.limit = limit

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:
        return cls._hints_by_what.get(details.get("what", ""), cls._hint)


class Overloaded(ServiceError):
    """No room now, and nothing ran; `retry_after` is in seconds."""

    code = "CAPE-SVC-004"
    _hint = "nothing ran: try again in a moment"
    _facts: ClassVar[_Facts] = {**ServiceError._facts, "retry_after": float}

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id, hint=hint, details=details)
        self.retry_after = retry_after


class FunctionCorrupted(ServiceError):
    """The stored function is not what was deployed; it was not run."""

    code = "CAPE-SVC-005"
    _hint = "deploy the function again, and tell the platform's operator"


class ChecksumMismatch(ServiceError):
    """The function is not the one whose checksum was asked for."""

    code = "CAPE-SVC-006"
    _hint = "take the checksum from the function's owner, by other means than the platform's"


class PermissionDenied(ServiceError):
    """Whoever asks has not shown a right to it."""

    code = "CAPE-SVC-010"
    _hint = "`cape accounts show` shows which account this machine is"
    _hint_of_sharing = (
        "`shared=True` (`cape run --shared`) agrees, if you trust the function's author with what "
        "you send"
    )

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:
        return cls._hint_of_sharing if details.get("isolation") == "function" else cls._hint


class TokenInvalid(PermissionDenied):
    """The token was not signed by the function's owner, or breaks its format's rules."""

    code = "CAPE-SVC-011"
    _hint = "ask the function's owner for a token (`cape token create`)"


class TokenExpired(PermissionDenied):
    """The token's time is over."""

    code = "CAPE-SVC-012"
    _hint = "ask the function's owner for a new one (`cape token create`)"


class TokenRevoked(PermissionDenied):
    """The function's owner took the token back."""

    code = "CAPE-SVC-013"
    _hint = "ask the function's owner for a new one (`cape token create`)"


class TokenWrongFunction(PermissionDenied):
    """The token is for another function, or for another version of this one."""

    code = "CAPE-SVC-014"
    _hint = "a token holds for one checksum: each deployed version needs tokens of its own"


class FunctionError(CapeError):
    """The function raised; it ran in the enclave, and only this caller sees this.

    `type`, `message` and `traceback` are those of the function's exception; `str(error)` says that
    it is the function's, and names its type. Where this error is shown with its own traceback, the
    function's stands below it, as a note.
    """

    code = "CAPE-FUN-000"
    _hint: ClassVar[str | None] = (
        "the function's own traceback says where; `cape test FOLDER INPUT` runs it here"
    )
    _facts: ClassVar[_Facts] = {"type": str, "traceback": str}

    def __init__(
        self,
        message: str = "",
        *,
        type: str | None = None,  # noqa: A002 - the name users read
        traceback: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.type = type
        self.message = message
        self.traceback = traceback
        if isinstance(traceback, str) and traceback:
            self.add_note(f"\nIn the function: {harmless(traceback.rstrip())}")

    def __str__(self) -> str:
        if not self.type:
            return self.message
        said = f": {self.message}" if self.message else ""
        return f"the function failed: {self.type}{said}"

    def __repr__(self) -> str:
        kind = f", type={self.type!r}" if self.type else ""
        return f"{type(self).__name__}({self.message!r}{kind})"


class FunctionTimeout(FunctionError):
    """The function did not end within its time and was stopped."""

    code = "CAPE-FUN-001"
    _hint = "raise timeout_s in cape.toml and deploy again, or give it less to do"


class FunctionOutOfMemory(FunctionError):
    """The function needed more memory than it has and was stopped."""

    code = "CAPE-FUN-002"
    _hint = "raise memory_mib in cape.toml and deploy again, or give it less to do"


class FunctionCrashed(FunctionError):
    """The function's process died; `signal` is the number of the signal, if one killed it."""

    code = "CAPE-FUN-003"
    _hint = "what it printed last, `--logs` (`logs=`) shows; `cape test FOLDER INPUT` runs it here"
    _hint_of_a_kill = (
        "its machine may have run out of memory, or its operator ended it, if the function did "
        "not: call again where a second run does no harm"
    )
    _facts: ClassVar[_Facts] = {
        "type": str,
        "traceback": str,
        "signal": int,
    }

    def __init__(
        self,
        message: str = "",
        *,
        signal: int | None = None,
        type: str | None = None,  # noqa: A002 - as FunctionError's
        traceback: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, type=type, traceback=traceback, hint=hint, details=details)
        self.signal = signal

    @classmethod
    def _hint_for(cls, details: Mapping[str, str]) -> str | None:
        return cls._hint_of_a_kill if details.get("signal") == _SIGKILL else cls._hint


class Cancelled(FunctionError):
    """The caller took the call back before it ended."""

    code = "CAPE-FUN-004"
    _hint = None


class PackagingError(CapeError):
    """The folder could not be made into a bundle, or the enclave has not what the bundle wants."""

    code = "CAPE-PKG-000"
    _hint = "change what is named, in the function's cape.toml or requirements.txt"


class NoWheelForPlatform(PackagingError):
    """A dependency has no wheel for the enclave's `platform`; `package` is its name."""

    code = "CAPE-PKG-001"
    _hint = "take a version that has a wheel for it, or another package"
    _facts: ClassVar[_Facts] = {"package": str, "platform": str}

    def __init__(
        self,
        message: str = "",
        *,
        package: str | None = None,
        platform: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.package = package
        self.platform = platform


class HandlerMissing(PackagingError):
    """The folder does not define the handler."""

    code = "CAPE-PKG-002"
    _hint = "define `def cape_handler(input: bytes) -> bytes` in app.py"


class FileRefused(PackagingError):
    """A file cannot be part of a bundle: its kind, its name, or what it was built for."""

    code = "CAPE-PKG-003"
    _hint = "rename it, or leave it out with .capeignore"


class BundleTooLarge(PackagingError):
    """The bundle has more bytes or more files than a platform takes."""

    code = "CAPE-PKG-004"
    _hint = "list in .capeignore what the function does not need"


class ImageError(CapeError):
    """An enclave image cannot be made of what was given, or not be used for this."""

    code = "CAPE-IMG-000"
    _hint = "`cape image inspect FILE` shows what is in an image"


class ImageMalformed(ImageError):
    """A file breaks the rules of enclave images."""

    code = "CAPE-IMG-001"
    _hint = "take the file anew from where it was built, or build it again"


class ArchiveRefused(ImageError):
    """A package or a container image breaks a rule or a limit, or is another than was locked."""

    code = "CAPE-IMG-002"
    _hint = "take it anew from whom you trust; nothing of it was used"


class ImageNotReproduced(ImageError):
    """A second build of an image came out otherwise; the message has the first difference."""

    code = "CAPE-IMG-003"
    _hint = "something that the image is made of changes: a file, the clock, or a program"


def error_class(name: str) -> type[CapeError]:
    """Return the class called `name`; `CapeError` for a name that a newer peer made up."""
    return _BY_NAME.get(name, CapeError)


def from_wire(name: str, message: str, details: Mapping[str, str] | None = None) -> CapeError:
    """Return the error that a peer reported: a class name, a message, and facts as text.

    Facts that the class has an attribute for are parsed into it; one that does not parse
    stays None. All of them stay in `details`. Spec: docs/spec/session.md, ERROR.
    """
    kind = error_class(name)
    details = several_by_name("details", details)
    facts = {}
    for fact, parse in kind._facts.items():
        try:
            facts[fact] = parse(details[fact])
        except (KeyError, ValueError):
            continue
    return kind(message, details=details, **facts)


def _descendants(kind: type[CapeError]) -> Iterator[type[CapeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descendants(child)


_BY_NAME = {kind.__name__: kind for kind in _descendants(CapeError)}
