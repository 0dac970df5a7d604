"""Which enclaves are trusted: releases, each a set of measurements and the vault's id.

Spec: docs/spec/attestation.md, policy.
"""

from __future__ import annotations

import os
from pathlib import Path

from ._core import Policy, Release
from .errors import ConfigError

__all__ = ["Policy", "Release", "load"]


def load(path: str | os.PathLike[str]) -> Policy:
    """Read a policy file (`policy.toml`).

    Raises:
        ConfigError: the file is missing or breaks the format; the message says where.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"policy {os.fspath(path)} cannot be read: {error}") from error
    return Policy.from_toml(text)
