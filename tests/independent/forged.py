"""What vectors of envelopes are made of. Nobody looks at the rules of form here."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import envelope, header, payload
from .header import FIXED, MAC, Stanza, u16
from .keys import X25519, XWING, PrivateKey, PublicKey

FOLDER = Path(__file__).parents[1] / "vectors" / "envelope"
PLAINTEXT = b"secret"
PREAMBLE = header.preamble(payload.AES_256_GCM)

X25519_KEY = PrivateKey(X25519, bytes([1]) * 32)
XWING_KEY = PrivateKey(XWING, bytes([2]) * 32)


@dataclass(frozen=True)
class Vector:
    """One file. Without an `error` it opens, to `plaintext`."""

    name: str
    rule: str
    about: str
    sealed: bytes
    error: str | None = None
    key: PrivateKey = X25519_KEY
    plaintext: bytes = PLAINTEXT
    enforces_use_rules: bool = False

    def as_json(self) -> dict[str, object]:
        text_only = self.sealed[:5].lower() == b"cape:"
        text = self.sealed if text_only else envelope.to_text(self.sealed)
        verdict = {"plaintext": self.plaintext.hex()}
        return {
            "about": self.about,
            **({"enforces_use_rules": True} if self.enforces_use_rules else {}),
            **({"error": self.error} if self.error else verdict),
            "private_key": self.key.text,
            "rule": self.rule,
            "text": text.decode(),
            **({"text_only": True} if text_only else {}),
        }


def stanza(key: PublicKey, file_key: bytes, key_id: bytes | None = None) -> Stanza:
    wrapped = key.wrap(file_key, PREAMBLE)
    return Stanza(key.type, key.key_id if key_id is None else key_id, wrapped)


def sealed(
    stanzas: Callable[[bytes], list[Stanza]],
    *,
    plaintext: bytes = PLAINTEXT,
    context: bytes = b"",
    aad: bytes = b"",
) -> bytes:
    """Return an envelope of these stanzas for a file key; nobody looks at the rules of form."""
    file_key = os.urandom(32)
    front = header.write(payload.AES_256_GCM, context, stanzas(file_key), file_key)
    bound = envelope.payload_context(PREAMBLE, context, aad)
    return front + payload.seal(payload.AES_256_GCM, file_key, bound, plaintext)


def good(**options) -> bytes:
    return sealed(lambda file_key: [stanza(X25519_KEY.public_key(), file_key)], **options)


def with_another(other: Stanza) -> bytes:
    """Return an envelope for X25519_KEY that has another stanza too."""
    return sealed(lambda file_key: [stanza(X25519_KEY.public_key(), file_key), other])


def flip(octets: bytes, position: int) -> bytes:
    changed = bytearray(octets)
    changed[position] ^= 1
    return bytes(changed)


def forged(
    *,
    preamble: bytes = PREAMBLE,
    context: bytes = b"",
    others: Sequence[Stanza] = (),
    count: int | None = None,
    size: int | None = None,
    between: bytes = b"",
) -> bytes:
    """Return an envelope for X25519_KEY whose header says something else.

    All that is derived from the header is derived from this one: who does not look, opens it.
    """
    file_key, public = os.urandom(32), X25519_KEY.public_key()
    own = Stanza(public.type, public.key_id, public.wrap(file_key, preamble))
    body = context + b"".join(each.encode() for each in (own, *others)) + between
    counts = u16(1 + len(others) if count is None else count) + u16(len(context))
    size = FIXED + len(body) + MAC if size is None else size
    octets = preamble + counts + size.to_bytes(4, "big") + body
    bound = envelope.payload_context(preamble, context, b"")
    sealed_ = payload.seal(payload.AES_256_GCM, file_key, bound, PLAINTEXT)
    return octets + header.mac(file_key, octets) + sealed_
