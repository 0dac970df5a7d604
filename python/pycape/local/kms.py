"""How AWS KMS is asked for a vault's secret, and with whose credentials.

Spec: docs/spec/vault.md, access.
"""

import os
import re
from typing import Self

import msgspec

from pycape.errors import ConfigError

_ARN = re.compile(r"arn:(aws[a-z-]*):kms:([a-z0-9-]+):[0-9]{12}:key/[a-z0-9-]+")
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105 - the variable's name


class KmsKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key, and where KMS has it. `wrapped` is what it made of the vault's secret, in base64."""

    region: str
    endpoint: str
    key_id: str
    wrapped: str | None = None

    @classmethod
    def of(cls, arn: str, region: str | None = None, endpoint: str | None = None) -> Self:
        """Return the key of this ARN; the rest follows from it, where it is not given.

        Raises:
            ConfigError: it is no key's ARN, or of another region.
        """
        read = _ARN.fullmatch(arn)
        if read is None:
            raise ConfigError(
                f"{arn!r} is not the ARN of a KMS key",
                hint="it has the form arn:aws:kms:REGION:ACCOUNT:key/ID; an alias is none",
            )
        partition, of_key = read.groups()
        if region not in {None, of_key}:
            raise ConfigError(
                f"the key is of the region {of_key}, not {region}",
                hint="leave out --region, or name the key of that region",
            )
        if endpoint is None:
            suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
            endpoint = f"kms.{of_key}.{suffix}"
        return cls(of_key, endpoint, arn)


class Credentials(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose role asks."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        """Show no part of them."""
        return "<Credentials>"

    @classmethod
    def from_environment(cls) -> Self:
        """Read AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it is set, AWS_SESSION_TOKEN.

        Raises:
            ConfigError: one is missing, or none.
        """
        access_key_id, secret_access_key = (_credential(name) for name in _CREDENTIALS)
        token = _credential(_TOKEN) if os.environ.get(_TOKEN) else None
        return cls(access_key_id, secret_access_key, token)


class _Access(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the runtime reads."""

    region: str
    endpoint: str
    key_id: str
    credentials: Credentials
    wrapped: str | None = None


def access(key: KmsKey, credentials: Credentials) -> str:
    """Return what the runtime has to know to ask KMS: JSON, with credentials in it."""
    said = _Access(**msgspec.structs.asdict(key), credentials=credentials)
    return msgspec.json.encode(said).decode()


def _credential(name: str) -> str:
    value = os.environ.get(name, "")
    if value and value.isascii():
        return value
    wrong = "is not ASCII, as they are" if value else "is not set"
    raise ConfigError(
        f"there are no credentials for KMS: {name} {wrong}",
        hint="`aws configure export-credentials --format env` prints those of the AWS command line",
    )
