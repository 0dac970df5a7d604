"""Judging a platform before it is joined. Spec: docs/spec/trust.md, vault."""

from __future__ import annotations

from . import _core
from ._profile import Profile
from ._session import now_ms
from .errors import ConfigError


def judge_birth(profile: Profile) -> _core.VerifiedAttestation:
    """Judge the birth document of a profile's vault, at the document's own time.

    Raises:
        ConfigError: the profile has no birth document.
        AttestationError: it does not hold, or is of no release that the profile lists.
    """
    if profile.birth is None:
        raise ConfigError(f"profile {profile.name} has no birth document of its vault")
    roots = (
        _core.TrustRoots.development(list(profile.trust_roots))
        if profile.development
        else _core.TrustRoots.aws()
    )
    return _core.verify_birth_document(
        profile.birth, roots, _core.Policy.from_toml(profile.policy_toml), now_ms()
    )
