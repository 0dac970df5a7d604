"""What a platform of this machine says of itself: to clients that join it, and to whoever asks."""

import base64
from datetime import date, timedelta

import msgspec

from pycape._join import judge_birth
from pycape._profile import Profile
from pycape.local.enclave_program import Measurement
from pycape.local.state import Vault
from pycape.policy import Policy
from pycape.policy import Release as PolicyRelease
from pycape.server import Platform, Release


def releases(vault: Vault, measurement: Measurement) -> list[Release]:
    """List what clients shall trust: the enclave as measured now, and as it was at vault's birth.

    The latter, if it is another, is there to judge the birth document by; it ends the day after.
    """
    found = [_release("local", measurement.pcrs, vault)]
    if vault.pcrs != measurement.pcrs:
        end = vault.born + timedelta(days=1)
        found.append(_release("local at the vault's birth", vault.pcrs, vault, not_after=end))
    return found


def platform(vault: Vault, measurement: Measurement) -> Platform:
    """Describe the platform, for `/v2/platform`."""
    return Platform(
        vault=vault.vault,
        birth=vault.birth,
        python=measurement.python,
        platform=measurement.platform,
        trust_root=vault.trust_root,
        releases=releases(vault, measurement),
    )


def of_profile(profile: Profile) -> Platform:
    """Describe the platform of a profile, whose vault's birth is judged by it.

    Raises:
        ConfigError: the profile has no birth document, or no release.
        AttestationError: the birth document does not hold.
    """
    birth = judge_birth(profile)
    found = Policy.from_toml(profile.policy_toml).releases
    return Platform(
        vault=(birth.vault or b"").hex(),
        birth=base64.b64encode(profile.birth or b"").decode(),
        python=profile.python,
        platform=profile.platform,
        trust_root="".join(base64.b64encode(root).decode() for root in profile.trust_roots[:1]),
        releases=[_release_of_policy(release) for release in found],
    )


def profile(name: str, url: str, vault: Vault, measurement: Measurement) -> Profile:
    """Make the profile that clients join the platform by."""
    found = releases(vault, measurement)
    return Profile(
        name=name,
        url=url,
        development=True,
        trust_roots=(base64.b64decode(vault.trust_root),),
        birth=base64.b64decode(vault.birth),
        python=measurement.python,
        platform=measurement.platform,
        policy_toml="\n".join(_release_toml(release) for release in found),
    )


def _release(
    name: str, pcrs: dict[str, str], vault: Vault, not_after: date | None = None
) -> Release:
    return Release(name, pcrs["0"], pcrs["1"], pcrs["2"], vault.vault, not_after)


def _release_of_policy(release: PolicyRelease) -> Release:
    def pcr(index: int) -> str | None:
        value = release.pcrs.get(index)
        return None if value is None else value.hex()

    end = release.not_after
    return Release(
        release.name,
        *(pcr(0), pcr(1), pcr(2)),
        vault=(release.vault or b"").hex(),
        not_after=None if end is None else end.date(),
        pcr8=pcr(8),
    )


def _release_toml(release: Release) -> str:
    settings = msgspec.structs.asdict(release).items()
    lines = (f"{name} = {_toml(value)}" for name, value in settings if value is not None)
    return "\n".join(("[[release]]", *lines, ""))


def _toml(value: str | date) -> str:
    return f'"{value}"' if isinstance(value, str) else value.isoformat()
