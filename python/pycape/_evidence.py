"""What an attestation proved, check by check, each with what one sees it by.

The core makes the checks, in this order, and there is no `VerifiedAttestation` unless all of them
held. What can be looked at again is: against the policy, the roots and the time of the caller.
Spec: docs/spec/attestation.md, the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from . import _core, errors
from ._clock import show_time
from .attestation import DEFAULT_MAX_AGE

MAX_SKEW = timedelta(minutes=2)

_SHOWN = 16
_NO_END = datetime.max.replace(tzinfo=UTC)

# The checks in their order.
NAMES = (
    "form",
    "trust root",
    "chain",
    "signature",
    "age",
    "nonce",
    "purpose",
    "debug mode",
    "measurements",
    "vault",
    "date",
)

_FAILED: dict[type[errors.AttestationError], str] = {
    errors.DocumentMalformed: "form",
    errors.TrustRootMismatch: "trust root",
    errors.ChainInvalid: "chain",
    errors.CertificateExpired: "chain",
    errors.SignatureInvalid: "signature",
    errors.DocumentTooOld: "age",
    errors.NonceMismatch: "nonce",
    errors.DebugModeEnclave: "debug mode",
    errors.PcrMismatch: "measurements",
    errors.VaultMismatch: "vault",
}


@dataclass(frozen=True)
class Check:
    """Something that has to hold, whether it does, and by what one sees it.

    `held` is None for what was not looked at: nobody asked for it, or another check failed before.
    """

    name: str
    held: bool | None
    evidence: str


def checks(
    verified: _core.VerifiedAttestation,
    *,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
    now: datetime | None,
    any_purpose: bool = False,
) -> list[Check]:
    """Return the evidence for each check of an enclave that was approved.

    Without `now`, its document was judged at its own time.
    """
    return list(_checks(verified, policy, trust_roots, now, any_purpose=any_purpose))


def checks_until(
    error: errors.AttestationError,
    document: bytes | None,
    *,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
    now: datetime | None,
    any_nonce: bool = False,
    any_purpose: bool = False,
) -> list[Check]:
    """Return the checks of an enclave that was refused: those before, the one that did not hold.

    What held is told with its evidence where the `document` is there. Empty for an error that is of
    no one check.
    """
    failed = _failed(error)
    if failed is None:
        return []
    names = _names(policy.releases)
    position = names.index(failed)
    shown = None if document is None else _shown_of_refused(document, trust_roots)
    release = _refusing(error, policy) or _measured(shown, policy)
    unasked = _unasked(policy, release, any_nonce=any_nonce, any_purpose=any_purpose)
    evidence = {} if shown is None else _evidence(shown, release, now)
    return [
        *(
            Check(name, None, unasked[name])
            if name in unasked
            else Check(name, True, evidence.get(name, ""))
            for name in names[:position]
        ),
        Check(failed, False, _what_failed(error)),
        *(Check(name, None, "not reached") for name in names[position + 1 :]),
    ]


def approving_release(
    verified: _core.VerifiedAttestation, policy: _core.Policy
) -> _core.Release | None:
    """Return the release that an enclave was approved by, None if any code was taken.

    Its name and what it pins say which; of several that differ in their end only, the last to end.
    """
    fits = (verified.release, verified.release_digest)
    return max(
        (each for each in policy.releases if (each.name, each.digest) == fits),
        key=lambda each: each.not_after or _NO_END,
        default=None,
    )


def _failed(error: errors.AttestationError) -> str | None:
    """Return the check that an error is of."""
    if isinstance(error, errors.DocumentMalformed) and "check" in error.details:
        return error.details["check"]
    if isinstance(error, errors.PcrMismatch) and "not_after" in error.details:
        return "date"
    return next((name for kind, name in _FAILED.items() if isinstance(error, kind)), None)


def _what_failed(error: errors.AttestationError) -> str:
    """Return the facts of a refusal, with whole values where the message has their beginnings."""
    if isinstance(error, errors.PcrMismatch) and error.expected is not None:
        actual = error.actual or "not in the document"
        return (
            f"PCR{error.index} is not as in release {error.details.get('release')!r}, the nearest: "
            f"expected {error.expected} actual {actual}"
        )
    return str(error)


def _unasked(
    policy: _core.Policy, release: _core.Release | None, *, any_nonce: bool, any_purpose: bool
) -> dict[str, str]:
    """Return the checks that nobody asked for, and why not; `release` is the one that decided."""
    unasked = {}
    if any_nonce:
        unasked["nonce"] = "not asked for: whatever it answers was taken"
    if any_purpose:
        unasked["purpose"] = "not asked for: it may be of any enclave"
    if policy.is_insecure:
        unasked["measurements"] = "insecure: any code was taken"
        unasked["vault"] = "insecure: any vault was taken"
    if release is not None and release.vault is None:
        unasked["vault"] = f"release {release.name!r} names none"
    return unasked


def _names(releases: Sequence[_core.Release]) -> list[str]:
    """Return the checks there are: a date only where one of these releases has one."""
    has_date = any(release.not_after for release in releases)
    return [name for name in NAMES if name != "date" or has_date]


def _checks(
    verified: _core.VerifiedAttestation,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
    now: datetime | None,
    *,
    any_purpose: bool,
) -> Iterator[Check]:
    release = approving_release(verified, policy)
    unasked = _unasked(
        policy, release, any_nonce=not verified.nonce_checked, any_purpose=any_purpose
    )
    # What can be looked at again; the core alone has judged the others.
    looked_at = {
        "trust root": verified.trust_root_digest in trust_roots.digests,
        "debug mode": all(any(verified.pcrs[index]) for index in range(3)),
    }
    if release is not None:
        looked_at["measurements"] = _fits(verified.pcrs, release)
        looked_at["vault"] = verified.vault == release.vault
    evidence = _evidence(_shown(verified), release, now)
    for name in _names([] if release is None else [release]):
        if name in unasked:
            yield Check(name, None, unasked[name])
        else:
            yield Check(name, looked_at.get(name, True), evidence[name])


@dataclass(frozen=True)
class _Shown:
    """What checks are seen by: of a document that was approved, or as one that was refused says."""

    size: int
    trust_root: str
    chain: str
    timestamp: datetime
    nonce: bytes | None
    pcrs: Mapping[int, bytes]


def _shown(verified: _core.VerifiedAttestation) -> _Shown:
    return _Shown(
        size=len(verified.document),
        trust_root=f"{verified.trust}, SHA-256 {verified.trust_root_digest[:_SHOWN]}...",
        chain=f"{len(verified.chain)} certificates, each signed by the one above, valid",
        timestamp=verified.timestamp,
        nonce=verified.nonce,
        pcrs=verified.pcrs,
    )


def _shown_of_refused(document: bytes, trust_roots: _core.TrustRoots) -> _Shown | None:
    """Return what a refused document says; None for one of another form.

    It is shown for checks that held, and so was true of them.
    """
    try:
        claimed = _core.inspect_document(document)
    except errors.AttestationError:
        return None
    roots = " or ".join(f"{digest[:_SHOWN]}..." for digest in trust_roots.digests)
    trust = "aws" if trust_roots.digests == _core.TrustRoots.aws().digests else "development"
    return _Shown(
        size=len(document),
        trust_root=f"{trust}, SHA-256 {roots}",
        chain="each certificate signed by the one above, valid",
        timestamp=claimed.timestamp,
        nonce=claimed.nonce,
        pcrs=claimed.pcrs,
    )


def _evidence(shown: _Shown, release: _core.Release | None, now: datetime | None) -> dict[str, str]:
    """Return by what one sees of each check that it held."""
    evidence = {
        "form": f"COSE_Sign1 with ES384, {shown.size:,} bytes",
        "trust root": shown.trust_root,
        "chain": shown.chain,
        "signature": "by the key of the last certificate",
        "age": _age(shown.timestamp, now),
        "nonce": f"answers the challenge {_beginning(shown.nonce)}",
        "purpose": "made for sessions, and for nothing else",
        "debug mode": "off: PCR0, PCR1 and PCR2 are not zero",
    }
    if release is not None:
        registers = ", ".join(f"PCR{index}" for index in sorted(release.pcrs))
        evidence["measurements"] = f"{registers} as in release {release.name!r}"
        evidence["vault"] = f"{_beginning(release.vault)}, as release {release.name!r} says"
        if (end := _end(release)) is not None:
            evidence["date"] = f"release {release.name!r} is approved until {end}"
    return evidence


def _fits(pcrs: Mapping[int, bytes], release: _core.Release) -> bool:
    return all(pcrs.get(index) == value for index, value in release.pcrs.items())


def _measured(shown: _Shown | None, policy: _core.Policy) -> _core.Release | None:
    """Return the first release that has a document's measurements."""
    if shown is None:
        return None
    return next((each for each in policy.releases if _fits(shown.pcrs, each)), None)


def _age(timestamp: datetime, now: datetime | None) -> str:
    if now is None:
        return "judged at its own time, which its certificates were valid at"
    seconds = (now - timestamp).total_seconds()
    if seconds < 0:
        return f"{-seconds:.1f} s ahead of now, of at most {MAX_SKEW.total_seconds():.0f} s"
    return f"{seconds:.1f} s, of at most {DEFAULT_MAX_AGE.total_seconds():.0f} s"


def _refusing(error: errors.AttestationError, policy: _core.Policy) -> _core.Release | None:
    """Return the release whose end refused an enclave: all else that it pins held."""
    if "not_after" not in error.details:
        return None
    over = (error.details.get("release"), error.details["not_after"])
    return next((each for each in policy.releases if (each.name, _end(each)) == over), None)


def _end(release: _core.Release) -> str | None:
    return None if release.not_after is None else show_time(release.not_after)


def _beginning(octets: bytes | None) -> str:
    return "none" if octets is None else f"{octets.hex()[:_SHOWN]}..."
