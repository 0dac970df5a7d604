"""What a document of Cape's own enclaves says in its user data, in words.

Its form is deterministic: for what it says there is one encoding, so a pattern reads it. The core
has judged these bytes by then. Spec: docs/spec/attestation.md, user data.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycape._core import VerifiedAttestation

_VERSION = 2
_DIGEST = rb"\x58\x20(.{32})"
_SESSION = re.compile(
    rb"\xa5\x61v\x02\x63use\x67session"
    rb"\x65vault" + _DIGEST + rb"\x67runtime" + _DIGEST + rb"\x68receipts" + _DIGEST,
    re.DOTALL,
)
_BIRTH = re.compile(
    rb"\xa4\x61v\x02\x63key(?:[\x60-\x77]|\x78.|\x79..)(.*)\x63use\x6bvault-birth"
    rb"\x65vault" + _DIGEST,
    re.DOTALL,
)


def user_data_says(verified: VerifiedAttestation) -> dict[str, Any] | None:
    """Return the user data's fields, digests in hexadecimal; None for what is not Cape's."""
    if verified.user_data is None or verified.vault is None:
        return None
    if session := _SESSION.fullmatch(verified.user_data):
        digests = zip(("vault", "runtime", "receipts"), session.groups(), strict=True)
        return {
            "v": _VERSION,
            "use": "session",
            **{name: digest.hex() for name, digest in digests},
        }
    if birth := _BIRTH.fullmatch(verified.user_data):
        key, vault = birth.groups()
        return {"v": _VERSION, "use": "vault-birth", "key": key.decode(), "vault": vault.hex()}
    return None


def keeper_of(birth: VerifiedAttestation) -> str | None:
    """Return what kept a vault's secret when it was born: a KMS key's ARN, or `file`."""
    return (user_data_says(birth) or {}).get("key")
