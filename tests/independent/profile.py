"""Where a platform is, and what proves it. docs/spec/profile.md."""

import base64
import tomllib
from dataclasses import dataclass

from . import policy
from .errors import ConfigError
from .policy import Release

MEMBERS = {"name", "url", "development", "trust_roots", "birth", "enclave", "release"}


@dataclass(frozen=True)
class Profile:
    """A profile as its file says it; `trust_roots` are None for AWS's own."""

    name: str
    url: str
    trust_roots: list[bytes] | None
    birth: bytes
    python: str
    platform: str
    releases: list[Release]


def read(text: str) -> Profile:
    """Read a profile file.

    Raises:
        ConfigError: it is no profile.
    """
    try:
        table = tomllib.loads(text)
        unknown = table.keys() - MEMBERS
        if unknown:
            raise ConfigError(f"a profile has no {sorted(unknown)}")
        roots = [base64.b64decode(root, validate=True) for root in table["trust_roots"]]
        if table["development"] != bool(roots):
            raise ConfigError("a development platform, and no other, has trust roots of its own")
        return Profile(
            name=table["name"],
            url=table["url"],
            trust_roots=roots or None,
            birth=base64.b64decode(table["birth"], validate=True),
            python=table["enclave"]["python"],
            platform=table["enclave"]["platform"],
            releases=[policy.read_release(release) for release in table["release"]],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigError(f"no profile: {error}") from error
