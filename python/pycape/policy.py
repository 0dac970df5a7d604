"""Which enclaves are trusted: releases, each a set of measurements and the vault's id.

Spec: docs/spec/attestation.md, policy.
"""

from __future__ import annotations

import os
from pathlib import Path

from ._core import Policy, Release
from ._files import read_text
from .errors import CapeError, ConfigError

__all__ = ["Policy", "Release", "load", "parse"]


def load(path: str | os.PathLike[str]) -> Policy:
    """Read a policy file (`policy.toml`).

    Raises:
        ConfigError: the file is missing or breaks the format; the message says where.
    """
    text = read_text(Path(path))
    if text is None:
        raise ConfigError(
            f"there is no policy file {os.fspath(path)}",
            hint=f"it was looked for in {Path(path).absolute().parent}",
        )
    return parse(text, os.fspath(path))


def parse(text: str, where: str) -> Policy:
    """Read a policy file's text; `where` names it in errors.

    Raises:
        ConfigError: it breaks the format; the message says where.
    """
    try:
        return Policy.from_toml(text)
    except CapeError as error:
        raise ConfigError(
            f"{where}: {error}",
            hint="a policy has a [[release]] with name, measurements and vault for each that is "
            "accepted; `cape config export` shows the present one",
        ) from error
