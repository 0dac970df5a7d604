"""What an attestation proved, check by check, each with what one sees it by.

The core makes the checks, in this order, and there is no `VerifiedAttestation` unless all of them
held. What can be looked at again is: against the policy, the roots and the time of the caller.
Spec: docs/spec/attestation.md, the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    names = _names(policy.releases)
    position = names.index(failed)
    release = _refusing(error, policy)
    unasked = _unasked(policy, release, any_nonce=any_nonce, any_purpose=any_purpose)
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
    release = _release(verified, policy)
    unasked = _unasked(
        policy, release, any_nonce=not verified.nonce_checked, any_purpose=any_purpose
    )
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
        "nonce": (True, f"answers the challenge {_beginning(verified.nonce)}"),
        "purpose": (True, "made for sessions, and for nothing else"),
        "debug mode": (
            all(any(verified.pcrs[index]) for index in range(3)),
            "off: PCR0, PCR1 and PCR2 are not zero",
        ),
        **({} if release is None else _of_release(verified, release)),
    }
    for name in _names([] if release is None else [release]):
        if name in unasked:
            yield Check(name, None, unasked[name])
        else:
            yield Check(name, *evidence[name])


def _of_release(
    verified: _core.VerifiedAttestation, release: _core.Release
) -> dict[str, tuple[bool, str]]:
    """Return what a release pins, whether it holds, and by what one sees it."""
    pins = sorted(release.pcrs.items())
    registers = ", ".join(f"PCR{index}" for index, _ in pins)
    evidence = {
        "measurements": (
            all(verified.pcrs.get(index) == value for index, value in pins),
            f"{registers} as in release {release.name!r}",
        ),
        "vault": (
            verified.vault == release.vault,
            f"{_beginning(verified.vault)}, as release {release.name!r} says",
        ),
    }
    if (end := _end(release)) is not None:
        evidence["date"] = (True, f"release {release.name!r} is approved until {end}")
    return evidence


def _age(timestamp: datetime, now: datetime | None) -> str:
    if now is None:
        return "judged at its own time, which its certificates were valid at"
    seconds = (now - timestamp).total_seconds()
    if seconds < 0:
        return f"{-seconds:.1f} s ahead of now, of at most {MAX_SKEW.total_seconds():.0f} s"
    return f"{seconds:.1f} s, of at most {DEFAULT_MAX_AGE.total_seconds():.0f} s"


def _release(verified: _core.VerifiedAttestation, policy: _core.Policy) -> _core.Release | None:
    """Return the release that fits, None if any code was taken.

    Its name and what it pins say which; of several that differ in their end only, the last to end.
    """
    fits = (verified.release, verified.release_digest)
    return max(
        (each for each in policy.releases if (each.name, each.digest) == fits),
        key=lambda each: each.not_after or _NO_END,
        default=None,
    )


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
