"""Attestation documents: what an enclave proves, and every check of it.

Spec: docs/spec/attestation.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from . import _core
from ._core import ChainCache, TrustRoots, UnverifiedAttestation, VerifiedAttestation
from ._session import now_ms
from .policy import Policy

__all__ = [
    "ChainCache",
    "TrustRoots",
    "UnverifiedAttestation",
    "VerifiedAttestation",
    "inspect",
    "verify",
]

DEFAULT_MAX_AGE = timedelta(minutes=5)


def verify(
    document: Any,
    *,
    policy: Policy,
    nonce: bytes | None,
    trust_roots: TrustRoots | None = None,
    now: datetime | None = None,
    max_age: timedelta | None = None,
    cache: ChainCache | None = None,
) -> VerifiedAttestation:
    """Judge an attestation document: all of attestation.md's checks, in its order.

    Args:
        document: COSE_Sign1 bytes, at most 32 KiB.
        policy: The releases to accept.
        nonce: What the document must answer. None accepts any, and the result records that.
        trust_roots: Where the chain may end; AWS's own by default.
        now: The time to judge by, aware; the clock by default.
        max_age: How far the document's time may lie back; five minutes by default.
        cache: Remembers verified certificates, which spares their signatures next time.

    Raises:
        AttestationError: one of its kinds for each check.
    """
    if now is not None and now.tzinfo is None:
        raise ValueError("`now` needs a time zone, for example datetime.now(timezone.utc)")
    return _core.verify_document(
        document,
        policy,
        nonce,
        trust_roots or TrustRoots.aws(),
        now_ms() if now is None else int(now.timestamp() * 1000),
        int((DEFAULT_MAX_AGE if max_age is None else max_age).total_seconds() * 1000),
        cache,
    )


def inspect(document: Any) -> UnverifiedAttestation:
    """Return a document's fields without judging them; the type says `Unverified`.

    Raises:
        DocumentMalformed: it breaks a rule of form.
    """
    return _core.inspect_document(document)
