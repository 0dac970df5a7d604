"""Which enclaves are trusted: releases, each a set of measurements and the vault's id.

Spec: docs/spec/attestation.md, policy.
"""

from __future__ import annotations

import os

from ._arguments import only_path
from ._core import Policy, Release
from ._files import no_file, read_text
from .errors import CapeError, ConfigError

__all__ = ["Policy", "Release", "load", "parse"]


def load(path: str | os.PathLike[str]) -> Policy:
    """Read a policy file (`policy.toml`).

    Raises:
        TypeError: `path` is no path.
        ConfigError: the file is missing or breaks the format; the message says where.
    """
    file = only_path("path", path)
    text = read_text(file)
    if text is None:
        raise no_file("policy file", file)
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
