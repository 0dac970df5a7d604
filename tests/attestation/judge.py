"""A sound document of a trusted root, and the verdict on others."""

import pytest

from pycape import attestation, errors, policy

from .forge import NONCE, NOW, PCRS, authority, document, leaf

ROOT = authority("root")
REGION = authority("region", ROOT, path_length=2)
ZONE = authority("zone", REGION, path_length=1)
INSTANCE = authority("instance", ZONE, path_length=0)
ENCLAVE = leaf(INSTANCE)
ABOVE = [ROOT, REGION, ZONE, INSTANCE]
SOUND = [*ABOVE, ENCLAVE]

PINNED = policy.Policy([policy.Release({index: PCRS[index] for index in (0, 1, 2)})])
ROOTS = attestation.TrustRoots([ROOT.der])


def verify(data: bytes, **changes) -> attestation.VerifiedAttestation:
    arguments = {"policy": PINNED, "nonce": NONCE, "trust_roots": ROOTS, "now": NOW, **changes}
    return attestation.verify(data, **arguments)


def refused(
    expected: type[errors.AttestationError], data: bytes, match: str | None = None, **changes
) -> errors.AttestationError:
    """Assert that a document is refused, also where its chain is known, and return the error."""
    cache = attestation.ChainCache()
    verify(document(SOUND), cache=cache)
    with pytest.raises(expected, match=match):
        verify(data, cache=cache, **changes)
    with pytest.raises(expected, match=match) as raised:
        verify(data, **changes)
    assert type(raised.value) is expected
    return raised.value
