"""Statements that accounts sign: the one place where the server checks signatures.

A statement is a compact JWS (docs/spec/trust.md, two kinds of signatures). `pycape._core` checks
its form, its `typ`, and its signature by the key that the account id stands for; here the payload
becomes a type, with the fields that the control plane uses. Runtimes and clients check the rest
for themselves: nothing that the control plane lets pass grants anything.
"""

import base64
import hashlib
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec

from pycape import _core
from pycape.errors import CapeError, PermissionDenied, ProtocolError

# Python's $ also matches before a final newline, hence (?!\n).
AccountId = Annotated[str, msgspec.Meta(pattern=r"^cape1[02-9ac-hj-np-z]{58}$(?!\n)")]
UserName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{2,31}$(?!\n)")]
FunctionName = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Rising = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]

MAX_STATEMENT_BYTES = 128 * 1024  # one OPEN frame has to carry it: docs/spec/session.md


class Statement(msgspec.Struct, frozen=True):
    """What every payload says: the version of its form, and who speaks."""

    typ: ClassVar[str]

    v: Literal[2]
    account: AccountId


class NameClaim(Statement, frozen=True):
    """The account wants to be known by this name."""

    typ = "cape-name+jws"

    name: UserName


class EpochRecord(Statement, frozen=True):
    """The account's encryption keys have come to this epoch. Epoch 0 needs no record."""

    typ = "cape-epoch+jws"

    epoch: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]


class RevocationList(Statement, frozen=True):
    """What the account has revoked: the list of this number."""

    typ = "cape-revocations+jws"

    number: Rising


class Manifest(Statement, frozen=True):
    """A function, in the version that the account gave it."""

    typ = "cape-manifest+jws"

    name: FunctionName
    version: Rising


class SignedRequest(Statement, frozen=True):
    """A request to the control plane that carries no statement of its own. `iat` is in seconds."""

    typ = "cape-request+jws"

    method: str
    path: str
    iat: Seconds
    nonce: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]


S = TypeVar("S", bound=Statement)


def read_statement(kind: type[S], text: str) -> S:
    """Check a statement's signature and type, and parse its payload.

    Raises `PermissionDenied` when it is not signed by the account that it names, `ProtocolError`
    when what was signed is not a statement of this kind.
    """
    try:
        payload, account = _core.verify_jws(text, kind.typ)
    except CapeError as error:
        raise PermissionDenied(
            f"the {kind.typ} is not accepted: {error}", details=error.details
        ) from error
    try:
        statement = msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the {kind.typ} is malformed: {error}") from error
    if statement.account != account:
        raise PermissionDenied(f"the {kind.typ} names {statement.account}, {account} signed it")
    return statement


def manifest_checksum(manifest: str) -> str:
    """Compute the checksum of a manifest that was read; docs/spec/trust.md, function."""
    payload = manifest.split(".")[1]
    octets = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return hashlib.sha256(b"cape/2 function" + octets).hexdigest()


def function_id(checksum: str) -> str:
    """Shorten a checksum to a function id: base58 of its first 20 bytes."""
    return _base58(bytes.fromhex(checksum)[:20])


def _base58(octets: bytes) -> str:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, digits = int.from_bytes(octets), ""
    while number:
        number, digit = divmod(number, 58)
        digits = alphabet[digit] + digits
    leading_zeros = len(octets) - len(octets.lstrip(b"\0"))
    return alphabet[0] * leading_zeros + digits
