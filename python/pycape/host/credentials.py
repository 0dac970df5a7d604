"""Credentials of AWS for an enclave's first question to KMS, from where the host is told.

They go to the enclave and into no log. Whoever has them can ask KMS for the wrapped secret, and
gets it only in a form that an approved enclave can open.
"""

import os
import re
import stat
from pathlib import Path
from typing import Annotated

import httpx
import msgspec

from pycape._files import read_bytes
from pycape.errors import ConfigError
from pycape.host.answers import beginning
from pycape.host.configuration import Kms

IMDS_SECONDS = 5.0
_TOKEN_TTL_SECONDS = "60"  # noqa: S105 the time that one counts
_ROLES = "latest/meta-data/iam/security-credentials"
_MAX_ANSWER_BYTES = 64 * 1024
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=16384)]


class _Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    access_key_id: Text
    secret_access_key: Text
    session_token: Text | None = None


class _OfInstance(msgspec.Struct, frozen=True):
    access_key_id: Text = msgspec.field(name="AccessKeyId")
    secret_access_key: Text = msgspec.field(name="SecretAccessKey")
    session_token: Text = msgspec.field(name="Token")


def credentials(kms: Kms) -> dict[str, str]:
    """Return them as an enclave is told of them; those of an instance are asked for anew each time.

    Raises:
        ConfigError: there are none.
    """
    if kms.credentials == "environment":
        return _of_environment()
    if kms.credentials == "instance":
        return _of_instance(kms.imds_url.rstrip("/"))
    return _of_file(Path(kms.credentials.removeprefix("file:")))


def _of_environment() -> dict[str, str]:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    values = [os.environ.get(name) for name in names]
    for name, value in zip(names[:2], values[:2], strict=True):
        if not value:
            raise ConfigError(
                f"{name} is not set", hint='credentials = "instance" takes those of the EC2 role'
            )
    return _told(_Given(values[0] or "", values[1] or "", values[2] or None))


def _of_file(path: Path) -> dict[str, str]:
    text = read_bytes(path)
    if text is None:
        raise ConfigError(
            f"there is no file {path}",
            hint="JSON with access_key_id, secret_access_key, and session_token if there is one",
        )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others may read {path}", hint=f"chmod 600 {path}")
    try:
        return _told(msgspec.json.decode(text, type=_Given))
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{path} has no credentials in it: {error}",
            hint="JSON with access_key_id, secret_access_key, and session_token if there is one",
        ) from error


def _of_instance(imds: str) -> dict[str, str]:
    """Ask the instance's metadata service, in its version 2."""
    # It is of this machine, and no proxy's business.
    with _client(imds) as client:
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_TTL_SECONDS}
        token = _ask(client, "PUT", "latest/api/token", lifetime)
        authorization = {"X-aws-ec2-metadata-token": token}
        role, *_ = _ask(client, "GET", f"{_ROLES}/", authorization).split() or [""]
        if not role:
            raise ConfigError("the instance has no role", hint=_HAS_A_ROLE)
        if not _ROLE_NAME.fullmatch(role):
            raise _nonsense()
        answer = _ask(client, "GET", f"{_ROLES}/{role}", authorization)
    try:
        found = msgspec.json.decode(answer, type=_OfInstance)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"the metadata service gave no credentials of the role {role}", hint=_HAS_A_ROLE
        ) from error
    return _told(_Given(found.access_key_id, found.secret_access_key, found.session_token))


def _client(imds: str) -> httpx.Client:
    try:
        return httpx.Client(base_url=imds, timeout=IMDS_SECONDS, trust_env=False)
    except httpx.InvalidURL as error:
        raise ConfigError(
            f"{imds} is not the address of a metadata service: {error}",
            hint="leave out imds_url of [kms]: on EC2 it is the same everywhere",
        ) from error


_HAS_A_ROLE = (
    "give the instance an instance profile whose role may use the key (docs/operate/aws.md)"
)


def _ask(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> str:
    try:
        with client.stream(method, path, headers=headers) as answer:
            read = beginning(answer, _MAX_ANSWER_BYTES)
    except httpx.HTTPError as error:
        raise ConfigError(
            f"the instance's metadata service does not answer ({type(error).__name__})",
            hint="on EC2 it is at 169.254.169.254, and its hop limit counts containers too",
        ) from error
    if not answer.is_success:
        hint = _HAS_A_ROLE if method == "GET" else "version 2 of the service has to be enabled"
        raise ConfigError(
            f"the instance's metadata service answered {answer.status_code} for {path}", hint=hint
        )
    if len(read) > _MAX_ANSWER_BYTES or not read.isascii():
        raise _nonsense()
    return read.decode("ascii").strip()


def _nonsense() -> ConfigError:
    return ConfigError("the instance's metadata service answered nonsense", hint=_HAS_A_ROLE)


def _told(given: _Given) -> dict[str, str]:
    told: dict[str, str] = msgspec.to_builtins(given)
    return told
