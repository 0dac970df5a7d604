"""The policy of a KMS key that keeps a vault's secret.

Spec: docs/spec/vault.md, key policy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ._clock import show_time
from ._core import Release
from .errors import ConfigError

_ARN = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):(?:role|user)/[\w+=,.@/-]{1,512}")
_ACCOUNT = re.compile(r"[0-9]{12}")

# KMS takes a policy of so many bytes.
MOST_BYTES = 32_768

# An enclave in debug mode has these registers empty: who reads its memory reads the secret.
_MEASURED = (0, 1, 2)
_PCR_BYTES = 48

# What administrators may do: everything but to use the key, or to let others use it by a grant,
# which no condition of the policy would hold for.
_ADMINISTRATION = [
    "kms:CancelKeyDeletion",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
]


@dataclass(frozen=True)
class Principals:
    """Who the policy speaks of, as ARNs.

    `roles` are those that hosts ask KMS with; `administrators` manage the key, which `account` too
    lets do whom its own IAM policies name.

    Raises:
        ConfigError: an ARN is none, or there is no role, or nobody who could change the policy
            but one of the roles.
    """

    roles: Sequence[str]
    administrators: Sequence[str] = ()
    account: str | None = None

    def __post_init__(self) -> None:
        for arn in (*self.roles, *self.administrators):
            if not _ARN.fullmatch(arn):
                raise ConfigError(
                    f"{arn!r} is not the ARN of a role or a user",
                    hint="it has the form arn:aws:iam::111122223333:role/NAME, without wildcards",
                )
        if self.account is not None and not _ACCOUNT.fullmatch(self.account):
            raise ConfigError(
                f"{self.account!r} is not the id of an account", hint="it has twelve digits"
            )
        if not self.roles:
            raise ConfigError("no role may use the key", hint="--role names one")
        for arn in set(self.roles) & set(self.administrators):
            raise ConfigError(
                f"{arn} would use the key and manage it: a host could change the policy, and read",
                hint="--role is of hosts, --admin of somebody who runs none",
            )
        if not self.administrators and self.account is None:
            raise ConfigError(
                "nobody could change the policy any more",
                hint="--admin names who may, or --account whose IAM policies say so",
            )


def key_policy(
    releases: Sequence[Release], principals: Principals, *, creation: bool = True
) -> dict[str, Any]:
    """Return the policy under which enclaves of these releases, and nobody else, get the secret.

    With `creation` they may have one made, too. Releases that are measured alike count once.

    Raises:
        ConfigError: a release is of an enclave in debug mode.
    """
    statements = [_administration(principals)]
    conditions: list[dict[str, Any]] = []
    for release in releases:
        condition = _condition(release)
        if condition not in conditions:
            conditions.append(condition)
    for number, condition in enumerate(conditions, 1):
        operations = [("Unwrap", "kms:Decrypt"), ("Create", "kms:GenerateDataKey")]
        statements += [
            _allow(f"{name}Release{number}", list(principals.roles), action, condition)
            for name, action in operations[: 2 if creation else 1]
        ]
    return {"Version": "2012-10-17", "Id": "cape-vault", "Statement": statements}


def _administration(principals: Principals) -> dict[str, Any]:
    administrators = list(principals.administrators)
    if principals.account is not None:
        partition = principals.roles[0].split(":")[1]
        administrators.append(f"arn:{partition}:iam::{principals.account}:root")
    return _allow("Administration", administrators, _ADMINISTRATION, None)


def _allow(
    name: str, principals: list[str], action: str | list[str], condition: dict[str, Any] | None
) -> dict[str, Any]:
    statement = {
        "Sid": name,
        "Effect": "Allow",
        "Principal": {"AWS": principals},
        "Action": action,
        "Resource": "*",
    }
    return statement if condition is None else {**statement, "Condition": condition}


def _condition(release: Release) -> dict[str, Any]:
    """Return what an enclave of the release has, all of which has to be so."""
    for index in _MEASURED:
        if not any(release.pcrs.get(index, b"measured")):
            raise ConfigError(
                f"release {release.name!r} has an empty PCR{index}: an enclave in debug mode",
                hint="its memory can be read from outside; build and pin an ordinary one",
            )
    condition: dict[str, Any] = {
        "StringEquals": {"kms:EncryptionContext:cape": "vault"},
        "StringEqualsIgnoreCase": {
            f"kms:RecipientAttestation:{'ImageSha384' if index == 0 else f'PCR{index}'}": pcr.hex()
            for index, pcr in sorted(release.pcrs.items())
        },
    }
    if not any(index in release.pcrs for index in _MEASURED):
        # A debug enclave of a signed image may have the register of its signer.
        condition["StringNotEqualsIgnoreCase"] = {
            "kms:RecipientAttestation:ImageSha384": "00" * _PCR_BYTES
        }
    if release.not_after is not None:
        condition["DateLessThan"] = {"aws:CurrentTime": _second_after(release.not_after)}
    return condition


def _second_after(moment: datetime) -> str:
    """Return the first full second at which the release does not count any more."""
    return show_time(moment.replace(microsecond=0) + timedelta(seconds=1))
