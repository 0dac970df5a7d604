"""Judging a platform before it is joined. Spec: docs/spec/trust.md, vault."""

from __future__ import annotations

from . import _core
from ._clock import now_ms
from ._profile import Profile
from .errors import ConfigError

_FROM_ITS_OWNER = "the platform's owner has it whole: `cape config export > FILE` writes it"


def judge_birth(profile: Profile) -> _core.VerifiedAttestation:
    """Judge the birth document of a profile's vault, at the document's own time.

    Raises:
        ConfigError: the profile has no birth document, or no release.
        AttestationError: it does not hold, or is of no release that the profile lists.
    """
    if profile.birth is None:
        raise ConfigError(
            f"profile {profile.name} has no birth document of its vault", hint=_FROM_ITS_OWNER
        )
    if not profile.policy_toml:
        raise ConfigError(
            f"profile {profile.name} lists no release to judge its vault by", hint=_FROM_ITS_OWNER
        )
    policy = _core.Policy.from_toml(profile.policy_toml)
    return _core.verify_birth_document(profile.birth, profile.roots(), policy, now_ms())
