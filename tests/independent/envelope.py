"""Envelopes of version 2: seal and open. docs/spec/envelope.md."""

import hashlib
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from . import header, payload
from .errors import DecryptFailed, Truncated, UnsupportedFormat, UseForbidden
from .header import ANONYMOUS, Header, Stanza
from .keys import PrivateKey, PublicKey
from .text import base64url, from_base64url

PREFIX = b"cape:"
TEXT_PREFIX = b"cape:2:"
MOST_TRIALS = 4


@dataclass(frozen=True)
class Opened:
    """A plaintext, and the context that came with it, both authentic."""

    plaintext: bytes
    context: dict[str, bytes]


def seal(
    plaintext: bytes,
    recipients: Sequence[PublicKey],
    *,
    context: Mapping[str, bytes] | None = None,
    aad: bytes = b"",
    suite: int = payload.AES_256_GCM,
    anonymous: bool = False,
) -> bytes:
    """Seal for one or several recipients; the binary form.

    Raises:
        UseForbidden: the context has a use rule that is not known, or is malformed.
    """
    context = dict(context or {})
    check_use_rules(context)
    file_key = os.urandom(32)
    preamble = header.preamble(suite)
    stanzas = [
        Stanza(key.type, ANONYMOUS if anonymous else key.key_id, key.wrap(file_key, preamble))
        for key in recipients
    ]
    encoded = header.encode_context(context)
    front = header.write(suite, encoded, stanzas, file_key)
    # What is written is read, so that no limit is stated twice.
    header.read(front)
    bound = payload_context(preamble, encoded, aad)
    return front + payload.seal(suite, file_key, bound, plaintext)


def open_(envelope: bytes, private_keys: Sequence[PrivateKey], *, aad: bytes = b"") -> Opened:
    """Open the binary form.

    Raises:
        UnsupportedFormat: no envelope, or a form that is not known.
        Truncated: it ends too early.
        DecryptFailed: no key opens it, or it was altered.
    """
    front = header.read(envelope)
    file_key = unwrap(front, private_keys)
    front.check_mac(file_key)
    bound = payload_context(front.preamble, front.encoded_context, aad)
    body = envelope[len(front.octets) :]
    return Opened(payload.open_(front.suite, file_key, bound, body), front.context)


def unwrap(front: Header, private_keys: Sequence[PrivateKey]) -> bytes:
    """Return the file key of the first stanza that opens. docs/spec/envelope.md, opening."""
    named = (
        (key, stanza)
        for key in private_keys
        for stanza in front.stanzas
        if (stanza.type, stanza.key_id) == (key.type, key.public_key().key_id)
    )
    anonymous = (
        (key, stanza)
        for key in private_keys
        for stanza in front.stanzas
        if (stanza.type, stanza.key_id) == (key.type, ANONYMOUS)
    )
    for key, stanza in itertools.chain(named, itertools.islice(anonymous, MOST_TRIALS)):
        try:
            file_key = key.unwrap(stanza.body, front.preamble)
        except DecryptFailed:
            continue
        if len(file_key) == 32:
            return file_key
    raise DecryptFailed("it does not open with this key")


def payload_context(preamble: bytes, encoded_context: bytes, aad: bytes) -> bytes:
    hashes = [hashlib.sha256(octets).digest() for octets in (encoded_context, aad)]
    return b"cape/2" + preamble + b"".join(hashes)


def to_text(envelope: bytes) -> bytes:
    return TEXT_PREFIX + base64url(envelope).encode()


def from_text(text: bytes) -> bytes:
    """Return the binary form.

    Raises:
        UnsupportedFormat: another version, or no text form.
        Truncated: it ends within the prefix, or within a group of characters.
    """
    if not text.startswith(TEXT_PREFIX):
        if text.startswith(PREFIX) and TEXT_PREFIX.startswith(text):
            raise Truncated("the text has lost its end")
        raise UnsupportedFormat("no envelope of version 2 as text")
    encoded = text.removeprefix(TEXT_PREFIX)
    if len(encoded) % 4 == 1:
        raise Truncated("the text has lost its end")
    if not re.fullmatch(b"[A-Za-z0-9_-]*", encoded):
        raise UnsupportedFormat("a character that is not base64url's")
    try:
        return from_base64url(encoded.decode())
    except ValueError as error:
        raise Truncated("the text has lost its end") from error


def check_use_rules(context: Mapping[str, bytes]) -> None:
    """Refuse what an enclave would refuse too. docs/spec/envelope.md, use rules."""
    for key, value in context.items():
        if not key.startswith("cape."):
            continue
        if key == "cape.functions":
            known = re.fullmatch(b"[0-9a-f]{64}( [0-9a-f]{64})*", value)
        elif key == "cape.not_after":
            known = re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) and is_time(value)
        else:
            known = False
        if not known:
            raise UseForbidden(f"the use rule {key!r} is not known, or malformed")


def is_time(value: bytes) -> bool:
    try:
        return bool(datetime.strptime(value.decode(), "%Y-%m-%dT%H:%M:%S%z"))
    except ValueError:
        return False
