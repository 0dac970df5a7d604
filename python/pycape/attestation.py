"""Attestation documents: what an enclave proves, and every check of it.

Spec: docs/spec/attestation.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from . import _core, _html_of_core  # noqa: F401 - notebooks show what is returned here
from ._buffer import Buffer, view
from ._clock import milliseconds, now_ms
from ._core import Certificate, ChainCache, TrustRoots, UnverifiedAttestation, VerifiedAttestation
from .policy import Policy

__all__ = [
    "Certificate",
    "ChainCache",
    "TrustRoots",
    "UnverifiedAttestation",
    "VerifiedAttestation",
    "inspect",
    "verify",
]

# Spec: docs/spec/attestation.md, time.
DEFAULT_MAX_AGE = timedelta(minutes=5)

_MILLISECOND = timedelta(milliseconds=1)


def verify(
    document: Buffer,
    *,
    policy: Policy,
    nonce: Buffer | None,
    trust_roots: TrustRoots | None = None,
    now: datetime | None = None,
    max_age: timedelta | None = None,
    purpose: Literal["any", "session"] = "any",
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
        purpose: "session" asks for a document that one of Cape's enclaves made for sessions,
            and for a release that names its vault; "any" takes documents of every enclave.
        cache: Remembers verified certificates, which spares their signatures next time.

    Returns:
        What the enclave proved.

    Raises:
        AttestationError: one of its kinds for each check.
        TypeError: an argument is of another type.
        ValueError: `now` has no time zone or is before 1970, `max_age` is negative, or `purpose` is
            another one.
    """
    return _core.verify_document(
        view(document, "document"),
        policy,
        None if nonce is None else view(nonce, "nonce"),
        TrustRoots.aws() if trust_roots is None else trust_roots,
        now_ms() if now is None else milliseconds(now),
        _age(DEFAULT_MAX_AGE if max_age is None else max_age),
        purpose,
        cache,
    )


def inspect(document: Buffer) -> UnverifiedAttestation:
    """Return a document's fields without judging them; the type says `Unverified`.

    Raises:
        DocumentMalformed: it breaks a rule of form.
    """
    return _core.inspect_document(view(document, "document"))


def _age(max_age: timedelta) -> int:
    if not isinstance(max_age, timedelta):
        raise TypeError(f"max_age is a timedelta, not {type(max_age).__name__}")
    if max_age < timedelta(0):
        raise ValueError(f"`max_age` is negative: {max_age}")
    return max_age // _MILLISECOND
