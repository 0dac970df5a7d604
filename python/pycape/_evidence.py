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

# The order of the checks, and which errors say that one did not hold.
_REFUSALS: dict[str, tuple[type[errors.AttestationError], ...]] = {
    "form": (errors.DocumentMalformed,),
    "trust root": (errors.TrustRootMismatch,),
    "chain": (errors.ChainInvalid, errors.CertificateExpired),
    "signature": (errors.SignatureInvalid,),
    "age": (errors.DocumentTooOld,),
    "nonce": (errors.NonceMismatch,),
    "debug mode": (errors.DebugModeEnclave,),
    "measurements": (errors.PcrMismatch,),
    "vault": (errors.VaultMismatch,),
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
) -> list[Check]:
    """Return the evidence for each check of an enclave that was approved.

    Without `now`, its document was judged at its own time.
    """
    return list(_checks(verified, policy, trust_roots, now))


def checks_until(
    error: errors.AttestationError, *, policy: _core.Policy, any_nonce: bool = False
) -> list[Check]:
    """Return the checks of an enclave that was refused: those before, the one that did not hold.

    Empty for an error that is of no one check.
    """
    names = list(_REFUSALS)
    failed = next((name for name in names if isinstance(error, _REFUSALS[name])), None)
    if failed is None:
        return []
    position = names.index(failed)
    unasked = {"nonce": any_nonce, "measurements": policy.is_insecure}
    return [
        *(Check(name, None if unasked.get(name) else True, "") for name in names[:position]),
        Check(failed, False, str(error)),
        *(Check(name, None, "not reached") for name in names[position + 1 :]),
    ]


def _checks(
    verified: _core.VerifiedAttestation,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
    now: datetime | None,
) -> Iterator[Check]:
    judged_at = verified.timestamp if now is None else now
    yield Check("form", True, f"COSE_Sign1 with ES384, {len(verified.document):,} bytes")
    yield Check(
        "trust root",
        verified.trust_root_digest in trust_roots.digests,
        f"{verified.trust}, SHA-256 {verified.trust_root_digest[:_SHOWN]}...",
    )
    yield Check(
        "chain",
        all(each.not_before <= judged_at <= each.not_after for each in verified.chain),
        f"{len(verified.chain)} certificates, each signed by the one before",
    )
    yield Check("signature", True, "by the key of the last certificate")
    yield _age(verified.timestamp, now)
    yield _nonce(verified)
    yield Check(
        "debug mode",
        all(any(verified.pcrs[index]) for index in range(3)),
        "off: PCR0, PCR1 and PCR2 are not zero",
    )
    yield _measurements(verified, policy)
    yield _vault(verified, policy)


def _age(timestamp: datetime, now: datetime | None) -> Check:
    if now is None:
        return Check("age", True, "judged at its own time, which its certificates were valid at")
    age = now - timestamp
    return Check(
        "age",
        -MAX_SKEW <= age <= DEFAULT_MAX_AGE,
        f"{age.total_seconds():.1f} s, of at most {DEFAULT_MAX_AGE.total_seconds():.0f} s",
    )


def _nonce(verified: _core.VerifiedAttestation) -> Check:
    if not verified.nonce_checked:
        return Check("nonce", None, "whatever it answers was taken")
    return Check("nonce", True, "answers the challenge that was drawn for it")


def _measurements(verified: _core.VerifiedAttestation, policy: _core.Policy) -> Check:
    if policy.is_insecure:
        return Check("measurements", None, "insecure: any code was taken")
    release = policy.matching(verified.pcrs)
    return Check("measurements", release is not None, f"of release {release!r}")


def _vault(verified: _core.VerifiedAttestation, policy: _core.Policy) -> Check:
    pinned = {release.vault for release in policy.releases} - {None}
    if not pinned:
        return Check("vault", None, "the policy names none")
    if verified.vault is None:
        return Check("vault", False, "the document names none")
    return Check(
        "vault", verified.vault in pinned, f"{verified.vault.hex()[:_SHOWN]}..., as pinned"
    )
