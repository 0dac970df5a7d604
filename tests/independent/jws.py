"""Accounts, and what they sign: JSON as compact JWS. docs/spec/trust.md, account and statements."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import PermissionDenied, ProtocolError
from .text import base64url, bech32m, from_base64url, from_bech32m

LIMIT = 65_536
LARGEST_INTEGER = 2**53 - 1

P = 2**255 - 19
ORDER_8 = (
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
)
LOW_ORDER = {0, 1, P - 1, P, P + 1, *ORDER_8}


@dataclass(frozen=True)
class Account:
    """An Ed25519 key pair; its public key is its name."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "Account":
        return cls(os.urandom(32))

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return bech32m("cape", self.public)

    def sign(self, type_: str, payload: dict[str, Any]) -> str:
        message = f"{base64url(header(type_))}.{base64url(compact(payload))}"
        return f"{message}.{base64url(self.key.sign(message.encode()))}"

    @property
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True)
class Statement:
    """A statement whose signature holds."""

    account: bytes
    members: dict[str, Any]
    octets: bytes


def verify(text: str, type_: str) -> Statement:
    """Read a statement of this type, signed by the account that it names.

    Raises:
        ProtocolError: its form, or another type.
        PermissionDenied: the signature does not hold.
    """
    try:
        if len(text) > LIMIT:
            raise ValueError("a statement that is too long")
        parts = text.split(".")
        front, octets, signature = (from_base64url(part) for part in parts)
        if front != header(type_) or len(signature) != 64:
            raise ValueError(f"no {type_}")
        members = parse(octets)
        account = account_key(members["iss" if type_ == "cape-token+jwt" else "account"])
    except (ValueError, KeyError, RecursionError) as error:
        raise ProtocolError(f"no statement of the type {type_}: {error}") from error
    try:
        key = Ed25519PublicKey.from_public_bytes(account)
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature as error:
        raise PermissionDenied("the account's signature does not hold") from error
    return Statement(account, members, octets)


def account_key(account_id: Any) -> bytes:
    """Return the public key that an account id is.

    Raises:
        ValueError: it is no account id.
    """
    if not isinstance(account_id, str) or len(key := from_bech32m("cape", account_id)) != 32:
        raise ValueError("no account id")
    if int.from_bytes(key, "little") % 2**255 in LOW_ORDER:
        raise ValueError("a key of low order, for which everybody can sign")
    return key


def header(type_: str) -> bytes:
    return compact({"alg": "EdDSA", "typ": type_})


def compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def parse(octets: bytes) -> dict[str, Any]:
    """Read the payload: an object that every JSON library reads the same.

    Raises:
        ValueError: anything else.
    """

    def refuse(what: str):
        raise ValueError(f"{what} in a statement")

    def integer(digits: str) -> int:
        if not digits.isdigit() or len(digits) > 16 or int(digits) > LARGEST_INTEGER:
            refuse(digits)
        return int(digits)

    members = json.loads(
        octets.decode(),
        object_pairs_hook=without_duplicates,
        parse_int=integer,
        parse_float=refuse,
        parse_constant=refuse,
    )
    check_values(members)
    if not isinstance(members, dict):
        raise ValueError("no object")
    return members


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice")
    return members


def check_values(value: Any) -> None:
    match value:
        case None | bool():
            raise ValueError("null, or a boolean")
        case str():
            # Python reads a lone surrogate, and cannot write it.
            value.encode()
        case dict():
            for key, item in value.items():
                check_values(key)
                check_values(item)
        case list():
            for item in value:
                check_values(item)
