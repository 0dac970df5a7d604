"""Policies and profiles."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Any

from pycape._clock import show_time
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape._core import Policy
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

_OF_PROFILES = {"url", "trust_roots", "enclave"}


def explain_profile(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of a platform's profile where it leads and whom it trusts."""
    from pycape._core import Policy  # noqa: PLC0415 - `cape --help` does without
    from pycape._profile import Profile  # noqa: PLC0415

    if source.text is None or _OF_PROFILES - _table(source.text).keys():
        return None
    profile = Profile.parse(source.text, source.name)
    releases = _releases(Policy.from_toml(profile.policy_toml)) if profile.policy_toml else []
    roots = [hashlib.sha256(root).hexdigest() for root in profile.trust_roots]
    return Explanation(
        "profile",
        "a platform's profile: where it is, and what proves it",
        None,
        {
            "name": profile.name,
            "url": profile.url,
            "development": profile.development,
            "trust_roots": roots or ["AWS's"],
            "birth_document": profile.birth is not None,
            "python": profile.python,
            "platform": profile.platform,
            "releases": releases,
        },
        [
            "Whoever handed it on could have made all of it. `cape join FILE` judges the vault's "
            "birth document, and shows what to compare with the platform's owner by other means.",
            *(
                [
                    "This is a development platform: its chains end at a root of its own, so it "
                    "proves nothing about hardware."
                ]
                if profile.development
                else []
            ),
        ],
    )


def explain_policy(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of a policy which enclaves it approves."""
    from pycape import policy  # noqa: PLC0415 - `cape --help` does without

    if source.text is None or "release" not in _table(source.text):
        return None
    return Explanation(
        "policy",
        "a policy: which enclaves are trusted",
        None,
        {"releases": _releases(policy.parse(source.text, source.name))},
        [
            "An enclave is approved when all registers and the vault of one release fit. Take "
            "them from whoever publishes the enclave's image, never from the enclave itself. "
            "CAPE_POLICY names a policy file.",
        ],
    )


def _releases(policy: Policy) -> list[dict[str, Any]]:
    return [
        {
            "release": release.name,
            **{f"PCR{index}": value.hex() for index, value in release.pcrs.items()},
            "vault": "any" if release.vault is None else release.vault.hex(),
            "until": "no end" if release.not_after is None else show_time(release.not_after),
        }
        for release in policy.releases
    ]


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
