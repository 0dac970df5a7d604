"""Statements that accounts sign: the one place where the server meets a signature.

A statement is a compact JWS (docs/spec/trust.md, two kinds of signatures). The core checks all of
it: form, type, fields, and the signature by the key that the account id stands for. Each function
here raises `ProtocolError` for what is no such statement, and `PermissionDenied` for one that the
account it names did not sign.
"""

from dataclasses import dataclass
from enum import StrEnum

from pycape import _core

MAX_STATEMENT_BYTES = 64 * 1024  # the core's bound as well: an OPEN frame has to carry one


class StatementType(StrEnum):
    """The statements that the control plane takes, by the `typ` of their header."""

    EPOCH = "cape-epoch+jws"
    MANIFEST = "cape-manifest+jws"
    NAME = "cape-name+jws"
    REQUEST = "cape-request+jws"
    REVOCATIONS = "cape-revocations+jws"


@dataclass(frozen=True, slots=True)
class NameClaim:
    """The account wants to be known by this name."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """The account's encryption keys have come to this epoch, 1 or higher."""

    account: str
    epoch: int


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What the account has revoked; a list replaces those with lower numbers."""

    account: str
    number: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A function: its checksum, and the id that is made of it."""

    account: str
    name: str
    version: int
    checksum: str
    function_id: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that carries no statement of its own; it counts once, so its nonce matters."""

    account: str
    nonce: str


def read_name_claim(text: str) -> NameClaim:
    """Read a `cape-name+jws`."""
    return NameClaim(*_core.verify_name_claim(text))


def read_epoch_record(text: str) -> EpochRecord:
    """Read a `cape-epoch+jws`."""
    return EpochRecord(*_core.verify_epoch_record(text))


def read_revocation_list(text: str) -> RevocationList:
    """Read a `cape-revocations+jws`."""
    revocations = _core.RevocationList.verify(text)
    return RevocationList(revocations.account, revocations.number)


def read_manifest(text: str) -> Manifest:
    """Read a `cape-manifest+jws`."""
    manifest = _core.Manifest.verify(text)
    return Manifest(
        account=manifest.account,
        name=manifest.name,
        version=manifest.version,
        checksum=manifest.checksum,
        function_id=manifest.function_id,
    )


def read_request(text: str, *, method: str, path: str, now: int) -> SignedRequest:
    """Read a `cape-request+jws`, which has to be for this method and path, and of now (seconds)."""
    return SignedRequest(*_core.verify_request(text, method, path, now * 1000))
