"""What a client does with each kind of statement. docs/spec/trust.md, from user name to request.

An enclave judges tokens and proofs for itself (rights.py), so a client only signs those. What it
reads, because somebody without any right hands it on, are manifests, names, epochs and revocation
lists.
"""

import hashlib
import os
import re
import time
from dataclasses import dataclass
from typing import Any

from . import jws
from .errors import ChecksumMismatch, ProtocolError
from .jws import Account
from .text import base58, base64url

MANIFEST = "cape-manifest+jws"
EPOCH = "cape-epoch+jws"
NAME = "cape-name+jws"
OWNER = "cape-owner+jws"
REQUEST = "cape-request+jws"
REVOCATIONS = "cape-revocations+jws"
TOKEN = "cape-token+jwt"

HASH = "[0-9a-f]{64}"
IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
TEXTS = {
    "name": "[a-z][a-z0-9_-]{0,63}",
    "bundle_sha256": HASH,
    "python": r"3\.(0|[1-9][0-9]{0,2})",
    "platform": "[a-z0-9_-]{1,64}",
    "handler": rf"{IDENTIFIER}(\.{IDENTIFIER})*:{IDENTIFIER}",
    "isolation": "session|call|function",
    "egress": "none",
}
NUMBERS = {
    "v": (2, 2),
    "version": (1, 2**53 - 1),
    "bundle_size": (1, 2**53 - 1),
    "memory_mib": (1, 1_048_576),
    "timeout_s": (1, 86_400),
}
OPTIONAL = {"min_epoch": (0, 2**32 - 16), "revocation_max_age_s": (1, 7_776_000)}
OTHER = {"account", "env"}


@dataclass(frozen=True)
class Function:
    """A manifest whose signature holds, with the names that it gives the function."""

    manifest: str
    account: bytes
    settings: dict[str, Any]
    checksum: bytes

    @property
    def id(self) -> str:
        return base58(self.checksum[:20])


def read_manifest(text: str) -> Function:
    """Verify a manifest.

    Raises:
        ProtocolError: its form, or a member.
        PermissionDenied: its signature does not hold.
    """
    statement = jws.verify(text, MANIFEST)
    check_manifest(statement.members)
    checksum = hashlib.sha256(b"cape/2 function" + statement.octets).digest()
    return Function(text, statement.account, statement.members, checksum)


def expect(function: Function, asked: str) -> Function:
    """Return the function if it is the one that was asked for, by id or by checksum.

    Raises:
        ChecksumMismatch: it is another.
    """
    if asked not in {function.id, function.checksum.hex()}:
        raise ChecksumMismatch(f"asked for {asked}, answered with {function.checksum.hex()}")
    return function


def check_manifest(members: dict[str, Any]) -> None:
    demanded = {*TEXTS, *NUMBERS, *OTHER}
    if not demanded <= members.keys() <= demanded | OPTIONAL.keys():
        raise ProtocolError("a member of the manifest is missing, or not known")
    for name, pattern in TEXTS.items():
        value = members[name]
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ProtocolError(f"{name} of the manifest is {value!r}")
    for name, (least, most) in (NUMBERS | OPTIONAL).items():
        value = members.get(name, least)
        if not isinstance(value, int) or not least <= value <= most:
            raise ProtocolError(f"{name} of the manifest is {value!r}")
    if len(members["handler"]) > 128:
        raise ProtocolError("the handler's name is too long")
    environment = members["env"]
    if not isinstance(environment, dict) or not all(
        re.fullmatch(IDENTIFIER, name) and isinstance(value, str) and "\0" not in value
        for name, value in environment.items()
    ):
        raise ProtocolError("the manifest's environment is not one of texts")
    size = sum(len((name + value).encode()) for name, value in environment.items())
    if len(environment) > 64 or size > 16_384:
        raise ProtocolError("the manifest's environment is too large")


def sign_manifest(account: Account, bundle: bytes, settings: dict[str, Any]) -> Function:
    """Sign a manifest for a bundle; `settings` are name, version, python, platform and the like."""
    members = {
        "v": 2,
        "account": account.id,
        "bundle_sha256": hashlib.sha256(bundle).hexdigest(),
        "bundle_size": len(bundle),
        "handler": "app:cape_handler",
        "isolation": "session",
        "memory_mib": 512,
        "timeout_s": 60,
        "env": {},
        "egress": "none",
        **settings,
    }
    check_manifest(members)
    return read_manifest(account.sign(MANIFEST, members))


def sign_token(
    account: Account, function: Function, *, issued_ago: int = 0, lifetime: int = 3600
) -> tuple[str, str]:
    """Return a token for a function, and its `jti`, by which it can be revoked."""
    issued = int(time.time()) - issued_ago
    jti = base64url(os.urandom(16))
    # A JWT's members are those of RFC 7519: there is no `v`.
    members = {
        "iss": account.id,
        "sub": function.checksum.hex(),
        "aud": "cape/run",
        "iat": issued,
        "exp": issued + lifetime,
        "jti": jti,
    }
    return account.sign(TOKEN, members), jti


def sign_owner_proof(account: Account, owner_session: str) -> str:
    members = {"v": 2, "account": account.id, "session": owner_session}
    return account.sign(OWNER, members)


def sign_epoch(account: Account, epoch: int) -> str:
    return account.sign(EPOCH, {"v": 2, "account": account.id, "epoch": epoch})


def sign_revocations(account: Account, number: int, *, jtis=(), checksums=()) -> str:
    members = {
        "v": 2,
        "account": account.id,
        "number": number,
        "iat": int(time.time()),
        "jtis": list(jtis),
        "checksums": list(checksums),
    }
    return account.sign(REVOCATIONS, members)


def sign_name(account: Account, name: str) -> str:
    return account.sign(NAME, {"v": 2, "account": account.id, "name": name})


def sign_request(account: Account, method: str, path: str) -> str:
    members = {
        "v": 2,
        "account": account.id,
        "method": method,
        "path": path,
        "iat": int(time.time()),
        "nonce": base64url(os.urandom(16)),
    }
    return account.sign(REQUEST, members)
