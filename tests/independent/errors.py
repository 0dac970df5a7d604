"""The classes of errors, by the names that the pages of docs/spec give them."""

# ruff: noqa: N818 - those names do not end with Error


class CapeError(Exception):
    """Every refusal of this client."""


# docs/spec/envelope.md, errors.


class UnsupportedFormat(CapeError):
    pass


class Truncated(CapeError):
    pass


class DecryptFailed(CapeError):
    pass


class UseForbidden(CapeError):
    pass


class KeyInvalid(CapeError):
    pass


# docs/spec/attestation.md, checks.


class DocumentMalformed(CapeError):
    pass


class TrustRootMismatch(CapeError):
    pass


class ChainInvalid(CapeError):
    pass


class CertificateExpired(CapeError):
    pass


class SignatureInvalid(CapeError):
    pass


class DocumentTooOld(CapeError):
    pass


class NonceMismatch(CapeError):
    pass


class DebugModeEnclave(CapeError):
    pass


class PcrMismatch(CapeError):
    pass


class VaultMismatch(CapeError):
    pass


# docs/spec/receipt.md.


class ReceiptInvalid(CapeError):
    """A receipt does not hold; `reason` names the check."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


# docs/spec/session.md, trust.md, control-plane.md.


class ProtocolError(CapeError):
    pass


class TooLarge(CapeError):
    pass


class StreamTruncated(CapeError):
    pass


class PermissionDenied(CapeError):
    pass


class ChecksumMismatch(CapeError):
    pass


class TokenExpired(CapeError):
    pass


class TokenInvalid(CapeError):
    pass


class TokenRevoked(CapeError):
    pass


class TokenWrongFunction(CapeError):
    pass


class ConfigError(CapeError):
    pass


class Refused(CapeError):
    """What the enclave or the control plane answered instead of a result.

    The `name` is the class of the error, in the words of whoever refused; `members` are all keys
    of an enclave's ERROR.
    """

    def __init__(
        self,
        name: str,
        message: str,
        details: dict[str, str] | None = None,
        members: dict | None = None,
    ):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.details = details or {}
        self.members = members or {}
