"""What an enclave and a control plane judge: tokens, proofs, records. docs/spec/trust.md.

A client only signs these. They are read here so that the rules are written down a second time.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from typing import Any

from . import jws, statements
from .errors import (
    PermissionDenied,
    ProtocolError,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
    TokenWrongFunction,
)
from .jws import LARGEST_INTEGER, Statement
from .statements import EPOCH, MANIFEST, NAME, OWNER, REQUEST, REVOCATIONS, TOKEN, Function
from .text import from_base64url

SKEW = 120
LONGEST_TOKEN = 90 * 86_400

Rule = Callable[[Any], bool]


def number(least: int, most: int) -> Rule:
    return lambda value: isinstance(value, int) and least <= value <= most


def text(pattern: str) -> Rule:
    return lambda value: (
        isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None
    )


def every(rule: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(map(rule, value))


def is_session(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(from_base64url(value)) == 32
    except ValueError:
        return False


def is_label(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value.encode()) <= 128
        and not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in value)
    )


TIME = number(0, 253_402_300_799)  # the last second of the year 9999
HASH = text(statements.HASH)
JTI = text("[A-Za-z0-9_-]{1,64}")
COMMON = {"v": number(2, 2), "account": text(".*")}
# The members of each type but manifests, which statements.py reads; all are there.
MEMBERS: dict[str, dict[str, Rule]] = {
    TOKEN: {
        "iss": text(".*"),
        "sub": HASH,
        "aud": text("cape/run"),
        "iat": TIME,
        "exp": TIME,
        "jti": JTI,
    },
    OWNER: {**COMMON, "session": is_session},
    NAME: {**COMMON, "name": text("(?!cape1)[a-z][a-z0-9-]{2,31}")},
    EPOCH: {**COMMON, "epoch": number(1, 2**32 - 1)},
    REVOCATIONS: {
        **COMMON,
        "number": number(1, LARGEST_INTEGER),
        "iat": TIME,
        "jtis": every(JTI),
        "checksums": every(HASH),
    },
    REQUEST: {
        **COMMON,
        "method": text("[A-Z]{1,16}"),
        "path": text("/[!-~]{0,1023}"),
        "iat": TIME,
        "nonce": text("[A-Za-z0-9_-]{16,128}"),
    },
}
OPTIONAL: dict[str, dict[str, Rule]] = {TOKEN: {"name": is_label}}


def read(statement: str, type_: str) -> Statement:
    """Verify a statement of any type: its form, its signature, its members.

    Raises:
        ProtocolError: its form or a member.
        PermissionDenied: its signature does not hold.
        TokenInvalid: either, of a token.
    """
    try:
        verified = jws.verify(statement, type_)
        if type_ == MANIFEST:
            statements.check_manifest(verified.members)
        else:
            check_members(verified.members, type_)
    except (ProtocolError, PermissionDenied) as error:
        if type_ == TOKEN:
            raise TokenInvalid(str(error)) from error
        raise
    return verified


def check_members(members: dict[str, Any], type_: str) -> None:
    demanded, optional = MEMBERS[type_], OPTIONAL.get(type_, {})
    if not demanded.keys() <= members.keys() <= demanded.keys() | optional.keys():
        raise ProtocolError("a member is missing, or not known")
    for name, rule in (demanded | optional).items():
        if name in members and not rule(members[name]):
            raise ProtocolError(f"{name} is {members[name]!r}")
    if type_ == TOKEN and not 0 < members["exp"] - members["iat"] <= LONGEST_TOKEN:
        raise ProtocolError("exp is not later than iat, or by more than 90 days")


def judge_request(statement: str, method: str, path: str, now_ms: int) -> Statement:
    """Judge a request to the control plane, but for whether its nonce was used before."""
    request = read(statement, REQUEST)
    if (request.members["method"], request.members["path"]) != (method, path):
        raise PermissionDenied("the signature is for another request")
    if abs(now_ms - request.members["iat"] * 1000) > SKEW * 1000:
        raise PermissionDenied("the request was not signed just now")
    return request


def authorize(
    function: Function,
    *,
    token: str | None,
    owner_proof: str | None,
    records: Sequence[str],
    owner_session: str,
    highest_number: int,
    now_ms: int,
) -> str:
    """Decide whether a call may run, in the order of the page, and say who makes it.

    Returns:
        `owner` or `bearer`.
    """
    brought = read_records(records)
    if token is None and owner_proof is None:
        raise PermissionDenied("neither a token nor an owner proof")
    if token is not None and owner_proof is not None:
        raise ProtocolError("both a token and an owner proof")
    jti = None
    if token is not None:
        jti = judge_token(read(token, TOKEN).members, function, now_ms)
    else:
        judge_proof(read(owner_proof or "", OWNER), function, owner_session)
    revocations = brought.get(REVOCATIONS)
    if revocations is not None:
        judge_list(revocations, function, jti, highest_number)
    judge_freshness(function, revocations, now_ms)
    return "owner" if jti is None else "bearer"


def read_records(records: Sequence[str]) -> dict[str, Statement]:
    brought: dict[str, Statement] = {}
    for record in records:
        type_ = next((type_ for type_ in (EPOCH, REVOCATIONS) if is_of_type(record, type_)), None)
        if type_ is None:
            raise ProtocolError("a record is an epoch record or a revocation list")
        statement = read(record, type_)
        if type_ in brought:
            raise ProtocolError("two records of one type")
        brought[type_] = statement
    return brought


def is_of_type(record: str, type_: str) -> bool:
    try:
        return from_base64url(record.partition(".")[0]) == jws.header(type_)
    except ValueError:
        return False


def judge_token(members: dict[str, Any], function: Function, now_ms: int) -> str:
    """Judge a token and return its `jti`."""
    if members["sub"] != function.checksum.hex():
        raise TokenWrongFunction("the token is for another function")
    if members["iss"] != function.settings["account"]:
        raise TokenInvalid("the token is of another account")
    if members["iat"] * 1000 > now_ms + SKEW * 1000:
        raise TokenInvalid("the token is from the future")
    if members["exp"] * 1000 <= now_ms:
        raise TokenExpired("the token is over")
    return members["jti"]


def judge_proof(proof: Statement, function: Function, owner_session: str) -> None:
    if proof.account != function.account:
        raise PermissionDenied("the proof is of another account")
    if not hmac.compare_digest(proof.members["session"], owner_session):
        raise PermissionDenied("the proof is for another session")


def judge_list(
    revocations: Statement, function: Function, jti: str | None, highest_number: int
) -> None:
    if revocations.account != function.account:
        raise PermissionDenied("the list is of another account")
    if revocations.members["number"] < highest_number:
        raise PermissionDenied("a newer list was seen")
    if function.checksum.hex() in revocations.members["checksums"]:
        raise PermissionDenied("the function is revoked")
    if jti in revocations.members["jtis"]:
        raise TokenRevoked("the token is revoked")


def judge_freshness(function: Function, revocations: Statement | None, now_ms: int) -> None:
    max_age = function.settings.get("revocation_max_age_s")
    if max_age is None:
        return
    if revocations is None:
        raise PermissionDenied("the function runs only with a list")
    issued_at = revocations.members["iat"] * 1000
    if not now_ms - max_age * 1000 <= issued_at <= now_ms + SKEW * 1000:
        raise PermissionDenied("the list is not fresh")
