"""The verdict on a document. docs/spec/attestation.md, checks, in their order."""

import contextlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from . import cbor, certificates, document, policy
from .document import Document
from .errors import (
    CertificateExpired,
    DebugModeEnclave,
    DocumentMalformed,
    DocumentTooOld,
    NonceMismatch,
)
from .policy import Release

MAX_AGE_MS = 5 * 60 * 1000
MAX_SKEW_MS = 2 * 60 * 1000

SESSION, BIRTH = "session", "vault-birth"
USER_DATA = {
    SESSION: {"v", "use", "vault", "runtime", "receipts"},
    BIRTH: {"v", "key", "use", "vault"},
}


@dataclass(frozen=True)
class Verified:
    """A document that passed every check: who answers, and which release that is."""

    release: Release
    vault: bytes
    user_data: dict
    timestamp: int
    leaf_not_after: int


def verify_session(
    octets: bytes,
    *,
    nonce: bytes,
    trust_roots: Sequence[bytes] | None,
    releases: Sequence[Release],
    now_ms: int,
) -> Verified:
    """Judge the document of a session, which has to be fresh and to answer `nonce`."""
    doc = document.read(octets)
    leaf_not_after = check_origin(doc, trust_roots, now_ms)
    check_answer(doc, nonce, now_ms, MAX_AGE_MS)
    user_data = read_user_data(doc, SESSION)
    check_debug_mode(doc)
    release = policy.judge(releases, doc.pcrs, user_data["vault"], now_ms)
    return Verified(release, user_data["vault"], user_data, doc.timestamp, leaf_not_after)


def verify_kept_session(
    octets: bytes, *, trust_roots: Sequence[bytes] | None, releases: Sequence[Release], now_ms: int
) -> Verified:
    """Judge the document of a session that is over, at its own time and whatever it answers."""
    doc = document.read(octets)
    leaf_not_after = check_origin(doc, trust_roots, doc.timestamp)
    if doc.timestamp > now_ms + MAX_SKEW_MS:
        raise DocumentTooOld("the document is from the future")
    user_data = read_user_data(doc, SESSION)
    check_debug_mode(doc)
    release = policy.judge(releases, doc.pcrs, user_data["vault"], doc.timestamp)
    return Verified(release, user_data["vault"], user_data, doc.timestamp, leaf_not_after)


def verify_any(
    octets: bytes,
    *,
    nonce: bytes | None,
    trust_roots: Sequence[bytes] | None,
    releases: Sequence[Release],
    now_ms: int,
    max_age_ms: int = MAX_AGE_MS,
) -> Release:
    """Judge a document of whatever enclave; with None for `nonce` it may answer anything."""
    doc = document.read(octets)
    check_origin(doc, trust_roots, now_ms)
    check_answer(doc, nonce, now_ms, max_age_ms)
    check_debug_mode(doc)
    return policy.judge(releases, doc.pcrs, stated_vault(doc), now_ms, needs_vault=False)


def verify_birth(
    octets: bytes, *, trust_roots: Sequence[bytes] | None, releases: Sequence[Release], now_ms: int
) -> Verified:
    """Judge a vault's birth document at its own time: it is kept, so its age does not count."""
    doc = document.read(octets)
    leaf_not_after = check_origin(doc, trust_roots, doc.timestamp)
    if doc.timestamp > now_ms + MAX_SKEW_MS:
        raise DocumentTooOld("the document is from the future")
    user_data = read_user_data(doc, BIRTH)
    if doc.nonce is not None:
        raise DocumentMalformed("a birth document answers no question")
    check_debug_mode(doc)
    release = policy.judge(releases, doc.pcrs, user_data["vault"], doc.timestamp)
    return Verified(release, user_data["vault"], user_data, doc.timestamp, leaf_not_after)


def check_origin(doc: Document, trust_roots: Sequence[bytes] | None, at_ms: int) -> int:
    """Checks 4 and 5, and of 6 that the document was made while its chain was valid.

    Returns:
        The last second at which the leaf is valid.
    """
    chain = certificates.verify([*doc.cabundle, doc.certificate], trust_roots, at_ms)
    doc.check_signature(chain[-1])
    try:
        for certificate in chain:
            certificates.check_valid(certificate, doc.timestamp)
    except CertificateExpired as error:
        raise DocumentTooOld("made at a time at which its chain was not valid") from error
    return int(chain[-1].not_valid_after_utc.timestamp())


def check_answer(doc: Document, nonce: bytes | None, now_ms: int, max_age_ms: int) -> None:
    """Check 6 for documents that are not kept, and the nonce."""
    if not now_ms - max_age_ms <= doc.timestamp <= now_ms + MAX_SKEW_MS:
        raise DocumentTooOld(f"made at {doc.timestamp} ms, judged at {now_ms} ms")
    if nonce is not None and (doc.nonce is None or not hmac.compare_digest(doc.nonce, nonce)):
        raise NonceMismatch("the document answers another question")


def stated_vault(doc: Document) -> bytes | None:
    """Return the vault that a document names, if it is one of ours, whatever it is for."""
    for use in USER_DATA:
        with contextlib.suppress(DocumentMalformed):
            return read_user_data(doc, use)["vault"]
    return None


def read_user_data(doc: Document, use: str) -> dict:
    """Read what one of our own enclaves says about itself, made for this use."""
    try:
        user_data = cbor.decode(doc.user_data or b"")
        well_formed = (
            user_data.keys() == USER_DATA[use]
            and (user_data["v"], user_data["use"]) == (2, use)
            and all(
                document.is_bytes(user_data[name], 32, 32)
                for name in user_data.keys() & {"vault", "runtime", "receipts"}
            )
        )
    except (ValueError, AttributeError) as error:
        raise DocumentMalformed("user data of another form") from error
    if not well_formed or doc.public_key is not None:
        raise DocumentMalformed(f"a document that was not made for the use {use!r}")
    return user_data


def check_debug_mode(doc: Document) -> None:
    if any(doc.pcrs.get(index, policy.ZERO) == policy.ZERO for index in (0, 1, 2)):
        raise DebugModeEnclave("the host can read what this enclave does")
