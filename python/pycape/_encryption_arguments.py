"""What `encrypt` and its like are told: for whom, and under which rules."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from . import envelope
from ._arguments import only_path
from ._checksum import is_checksum
from ._files import no_file, read_bytes
from ._functions import Function, to_function_ref
from ._key_arguments import public_key_of
from ._key_reader import is_meant_as_key, read_public_key
from ._several import several, several_by_name
from .keys import PublicKey

if TYPE_CHECKING:
    from datetime import datetime

Recipient: TypeAlias = str | PublicKey

# Spec: docs/spec/envelope.md, header.
MOST_RECIPIENTS = 32

KEMS = ("xwing", "x25519")
DEFAULT_KEM = "xwing"


def recipients_of(
    username: str | None,
    recipient: Recipient | Sequence[Recipient] | None,
    key: bytes | str | PublicKey | None,
    key_path: str | os.PathLike[str] | None,
) -> list[Recipient] | None:
    """Return the recipients that `encrypt`'s arguments name; None for the client's own account.

    Raises:
        TypeError: an argument is of another type.
        ValueError: more than one argument names some, or none is named in an empty list, or more
            than an envelope has.
        KeyInvalid: the text of a key is none.
        ConfigError: the file of a key cannot be read.
    """
    given = [value for value in (username, recipient, key, key_path) if value is not None]
    if not given:
        return None
    if len(given) > 1:
        raise ValueError("username, recipient, key and key_path exclude each other")
    if key_path is not None:
        file = only_path("key_path", key_path)
        data = read_bytes(file)
        if data is None:
            raise no_file("key file", file)
        return [read_public_key(data, os.fspath(key_path))]
    if key is not None:
        return [public_key_of(key)]
    if username is not None:
        return [_recipient_of(username)]
    if isinstance(recipient, str | bytes | PublicKey) or not isinstance(recipient, Iterable):
        return [_recipient_of(recipient)]
    recipients = [_recipient_of(each) for each in several("recipient", recipient, MOST_RECIPIENTS)]
    if not recipients:
        raise ValueError("there is no recipient")
    return recipients


def check_anonymous(recipients: Sequence[Recipient] | None) -> None:
    """Raise `ValueError` unless all recipients are keys, as anonymous ones have to be.

    An enclave finds an account's key by its id, and tries those of a few epochs only. Spec:
    docs/spec/envelope.md, use rules.
    """
    if recipients is None or any(isinstance(each, str) for each in recipients):
        raise ValueError("anonymous recipients are keys: an enclave finds an account's by its id")


def check_format(version: str, recipients: Sequence[Recipient] | None) -> None:
    """Raise `ValueError` for version 1 without an RSA key; accounts have none."""
    if version == "v1" and (
        recipients is None or any(isinstance(each, str) for each in recipients)
    ):
        raise ValueError(
            "version 1 is for one RSA key, and accounts have none: name the key itself"
        )


def check_kem(kem: str) -> None:
    """Raise `ValueError` for a KEM that there is not."""
    if kem not in KEMS:
        raise ValueError(f"kem is {' or '.join(map(repr, KEMS))}, not {kem!r}")


def encryption_context(
    context: Mapping[str, str] | None,
    functions: Sequence[Function] | None,
    not_after: datetime | None,
) -> dict[str, str]:
    """Return an envelope's context, with the use rules in it.

    Raises:
        ValueError: a function has no checksum, or as `envelope.use_rules`.
    """
    checksums = None
    if functions is not None:
        checksums = [_checksum(each) for each in several("functions", functions)]
    rules = envelope.use_rules(functions=checksums, not_after=not_after)
    return {**several_by_name("context", context), **rules}


def _recipient_of(recipient: object) -> Recipient:
    if not isinstance(recipient, str | PublicKey):
        raise TypeError(
            "a recipient is a user name, an account id or a public key, "
            f"not {type(recipient).__name__}"
        )
    if isinstance(recipient, str) and is_meant_as_key(recipient):
        return public_key_of(recipient)
    return recipient


def _checksum(function: Function) -> str:
    if isinstance(function, str) and is_checksum(function):
        return function
    ref = to_function_ref(function)
    if ref.checksum is None:
        raise ValueError(f"{ref!r} has no checksum, and a use rule names code by its checksum")
    return ref.checksum
