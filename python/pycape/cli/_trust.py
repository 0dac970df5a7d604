"""Whom a command trusts: the policy and the roots that its line and its profile name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape.cli._files import display_name
from pycape.cli._limits import POLICY

if TYPE_CHECKING:
    from pycape._platform import Platform
    from pycape.attestation import TrustRoots
    from pycape.cli._context import Context
    from pycape.policy import Policy


def platform_of(context: Context, policy: Policy | None) -> Platform:
    """Return the profile's platform, to be judged by `policy` where there is one."""
    from pycape._platform import Platform  # noqa: PLC0415 - `cape --help` does without

    return Platform(context.config(), policy=policy, trust_roots=None)


def policy_in(file: str | None) -> Policy | None:
    """Return the policy in the file that `--policy` names."""
    from pycape import policy  # noqa: PLC0415 - `cape --help` does without

    return None if file is None else policy.parse(POLICY.read_text(file), display_name(file))


def offline_trust(context: Context, policy_file: str | None) -> tuple[Policy, TrustRoots]:
    """Return what to judge a kept document by.

    Nothing is connected to: that no platform is configured does not matter. With a policy of the
    line, AWS's root is meant unless `--profile` names a platform.
    """
    from pycape.attestation import TrustRoots  # noqa: PLC0415 - `cape --help` does without

    policy = policy_in(policy_file) or context.config().require_policy()
    own_roots = policy_file is None or context.profile is not None
    return policy, platform_of(context, policy).trust_roots if own_roots else TrustRoots.aws()
