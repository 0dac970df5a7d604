"""Statements in forms that no honest signer writes, and the files about reading one."""

import hashlib
import json
from typing import Any

from tests.independent import jws, rights
from tests.independent.jws import Account
from tests.independent.statements import (
    EPOCH,
    MANIFEST,
    NAME,
    OWNER,
    REQUEST,
    REVOCATIONS,
    TOKEN,
    read_manifest,
)
from tests.independent.text import base64url

from .case import Case
from .fixed import ALICE, NOW, octets

DAY = 86_400
CHECKSUM = octets("another function").hex()

MANIFEST_MEMBERS: dict[str, Any] = {
    "v": 2,
    "account": ALICE.id,
    "name": "echo",
    "version": 1,
    "bundle_sha256": octets("bundle").hex(),
    "bundle_size": 1234,
    "python": "3.11",
    "platform": "x86_64-manylinux_2_28",
    "handler": "app:cape_handler",
    "isolation": "session",
    "memory_mib": 512,
    "timeout_s": 60,
    "env": {},
    "egress": "none",
}
FUNCTION = read_manifest(ALICE.sign(MANIFEST, MANIFEST_MEMBERS))

# What each type says where nothing is wrong with it.
MEMBERS: dict[str, dict[str, Any]] = {
    MANIFEST: MANIFEST_MEMBERS,
    TOKEN: {
        "iss": ALICE.id,
        "sub": FUNCTION.checksum.hex(),
        "aud": "cape/run",
        "iat": NOW - DAY,
        "exp": NOW + DAY,
        "jti": "first-token",
    },
    OWNER: {"v": 2, "account": ALICE.id, "session": base64url(octets("owner session"))},
    NAME: {"v": 2, "account": ALICE.id, "name": "alice"},
    EPOCH: {"v": 2, "account": ALICE.id, "epoch": 1},
    REVOCATIONS: {
        "v": 2,
        "account": ALICE.id,
        "number": 7,
        "iat": NOW,
        "jtis": ["another-token"],
        "checksums": [CHECKSUM],
    },
    REQUEST: {
        "v": 2,
        "account": ALICE.id,
        "method": "DELETE",
        "path": f"/v2/functions/{FUNCTION.id}",
        "iat": NOW,
        "nonce": "AAECAwQFBgcICQoLDA0ODw",
    },
}
RULES = {
    MANIFEST: "function",
    TOKEN: "token",
    OWNER: "owner proof",
    NAME: "user name",
    EPOCH: "encryption keys",
    REVOCATIONS: "revocation list",
    REQUEST: "request",
}
KINDS = {type_: type_.partition("+")[0].removeprefix("cape-") for type_ in MEMBERS}


def signed(type_: str, account: Account = ALICE, /, **changes: Any) -> str:
    """Sign a statement with some members changed; `...` leaves one out."""
    members = {k: v for k, v in (MEMBERS[type_] | changes).items() if v is not ...}
    return account.sign(type_, members)


def assemble(header: bytes, payload: bytes, account: Account = ALICE) -> str:
    """Sign any header and any payload."""
    message = f"{base64url(header)}.{base64url(payload)}"
    return f"{message}.{signature(message, account)}"


def signature(message: str, account: Account = ALICE) -> str:
    return base64url(account.key.sign(message.encode()))


def compact(members: dict[str, Any]) -> str:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False)


def accepted(name: str, about: str, type_: str, statement: str, **judged_by: Any) -> Case:
    """Return the file of a statement that is to be accepted, with what follows from it."""
    members = rights.read(statement, type_).members
    follows: dict[str, Any] = {"account": members["iss" if type_ == TOKEN else "account"]}
    if type_ == MANIFEST:
        function = read_manifest(statement)
        first = members.get("min_epoch", 0)
        follows |= {
            "checksum": function.checksum.hex(),
            "function_id": function.id,
            "epochs": [first, first + 15],
        }
    fields = {"type": type_, "statement": statement, **judged_by, **follows}
    return Case("statements", name, about, RULES[type_], fields)


def refused(
    name: str,
    about: str,
    type_: str,
    statement: str,
    error: str = "ProtocolError",
    rule: str | None = None,
    **judged_by: Any,
) -> Case:
    """Return the file of a statement that is to be refused."""
    if type_ == TOKEN:
        error = "TokenInvalid"
    fields = {"type": type_, "statement": statement, **judged_by}
    return Case("statements", name, about, rule or RULES[type_], fields, error)


def sha256(octets_: bytes) -> str:
    return hashlib.sha256(octets_).hexdigest()


HEADERS = {type_: jws.header(type_) for type_ in MEMBERS}
