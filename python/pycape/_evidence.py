"""What an attestation proved, check by check, each with what one sees it by.

The core makes the checks, in this order, and there is no `VerifiedAttestation` unless all of them
held. What can be looked at again is: against the policy, the roots and the time of the caller.
Spec: docs/spec/attestation.md, the checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import _core, errors
from .attestation import DEFAULT_MAX_AGE

MAX_SKEW = timedelta(minutes=2)

_SHOWN = 16

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
    *,
    policy: _core.Policy,
    any_nonce: bool = False,
    any_purpose: bool = False,
) -> list[Check]:
    """Return the checks of an enclave that was refused: those before, the one that did not hold.

    Empty for an error that is of no one check.
    """
    failed = _failed(error)
    if failed is None:
        return []
    names = _names(policy)
    position = names.index(failed)
    unasked = _unasked(policy, any_nonce=any_nonce, any_purpose=any_purpose)
    return [
        *(
            Check(name, None, unasked[name]) if name in unasked else Check(name, True, "")
            for name in names[:position]
        ),
        Check(failed, False, str(error)),
        *(Check(name, None, "not reached") for name in names[position + 1 :]),
    ]


def _failed(error: errors.AttestationError) -> str | None:
    """Return the check that an error is of."""
    if isinstance(error, errors.DocumentMalformed) and "check" in error.details:
        return error.details["check"]
    if isinstance(error, errors.PcrMismatch) and "not_after" in error.details:
        return "date"
    return next((name for kind, name in _FAILED.items() if isinstance(error, kind)), None)


def _unasked(policy: _core.Policy, *, any_nonce: bool, any_purpose: bool) -> dict[str, str]:
    """Return the checks that nobody asked for, and why not."""
    unasked = {}
    if any_nonce:
        unasked["nonce"] = "not asked for: whatever it answers was taken"
    if any_purpose:
        unasked["purpose"] = "not asked for: it may be of any enclave"
    if policy.is_insecure:
        unasked["measurements"] = "insecure: any code was taken"
    if not any(release.vault for release in policy.releases):
        unasked["vault"] = "the policy names none"
    return unasked


def _names(policy: _core.Policy) -> list[str]:
    """Return the checks there are: a date only where a release has one."""
    has_date = any(release.not_after for release in policy.releases)
    return [name for name in NAMES if name != "date" or has_date]


def _checks(
    verified: _core.VerifiedAttestation,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
    now: datetime | None,
    *,
    any_purpose: bool,
) -> Iterator[Check]:
    unasked = _unasked(policy, any_nonce=not verified.nonce_checked, any_purpose=any_purpose)
    approved = policy.matching(verified.pcrs) is not None
    pinned = {release.vault for release in policy.releases} - {None}
    evidence = {
        "form": (True, f"COSE_Sign1 with ES384, {len(verified.document):,} bytes"),
        "trust root": (
            verified.trust_root_digest in trust_roots.digests,
            f"{verified.trust}, SHA-256 {verified.trust_root_digest[:_SHOWN]}...",
        ),
        "chain": (
            True,
            f"{len(verified.chain)} certificates, each signed by the one above, valid",
        ),
        "signature": (True, "by the key of the last certificate"),
        "age": (True, _age(verified.timestamp, now)),
        "nonce": (True, "answers the challenge that was drawn for it"),
        "purpose": (True, "made for sessions, and for nothing else"),
        "debug mode": (
            all(any(verified.pcrs[index]) for index in range(3)),
            "off: PCR0, PCR1 and PCR2 are not zero",
        ),
        "measurements": (approved, _measurements(verified, policy)),
        "vault": (verified.vault in pinned, _vault(verified)),
        "date": (True, _date(verified, policy)),
    }
    for name in _names(policy):
        held, seen = evidence[name]
        yield Check(name, None, unasked[name]) if name in unasked else Check(name, held, seen)


def _age(timestamp: datetime, now: datetime | None) -> str:
    if now is None:
        return "judged at its own time, which its certificates were valid at"
    seconds = (now - timestamp).total_seconds()
    if seconds < 0:
        return f"{-seconds:.1f} s ahead of now, of at most {MAX_SKEW.total_seconds():.0f} s"
    return f"{seconds:.1f} s, of at most {DEFAULT_MAX_AGE.total_seconds():.0f} s"


def _measurements(verified: _core.VerifiedAttestation, policy: _core.Policy) -> str:
    """Return which registers are those of which release."""
    release = _release(verified, policy)
    pinned = [] if release is None else [f"PCR{index}" for index in sorted(release.pcrs)]
    return f"{', '.join(pinned)} as in release {verified.release!r}"


def _date(verified: _core.VerifiedAttestation, policy: _core.Policy) -> str:
    release = _release(verified, policy)
    end = None if release is None else release.not_after
    until = "without an end" if end is None else f"until {end:%Y-%m-%dT%H:%M:%SZ}"
    return f"release {verified.release!r} is approved {until}"


def _release(verified: _core.VerifiedAttestation, policy: _core.Policy) -> _core.Release | None:
    """Return the release that fits: what it is called, and what it pins."""
    fits = (verified.release, verified.release_digest)
    return next((each for each in policy.releases if (each.name, each.digest) == fits), None)


def _vault(verified: _core.VerifiedAttestation) -> str:
    if verified.vault is None:
        return "the document names none"
    return f"{verified.vault.hex()[:_SHOWN]}..., as pinned"
