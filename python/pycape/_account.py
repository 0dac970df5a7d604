"""The account's key on this machine. An account is its key: whoever has the file is the account."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from . import _core
from ._profile import write_atomically
from .errors import ConfigError

_log = logging.getLogger("pycape")


def load_account(path: Path) -> _core.Account | None:
    """Read the account's key; None when there is no file.

    Raises:
        ConfigError: others can read the file, or it holds no account's key.
    """
    text = read_secret(path)
    return None if text is None else _core.Account.from_text(text.strip())


def load_or_create_account(path: Path) -> _core.Account:
    """Read the account's key, or make one, and say so."""
    account = load_account(path)
    if account is None:
        account = _core.Account.generate()
        create_secret(path, account.to_text())
        _log.warning("made an account for you: %s (its key is %s: keep it safe)", account.id, path)
    return account


def read_secret(path: Path) -> str | None:
    """Read a file that only its owner may read; None when there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    with os.fdopen(handle, encoding="utf-8") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise ConfigError(
                f"{path} holds a secret and others can read it (mode {mode:04o})",
                hint=f"chmod 600 {path}",
            )
        return file.read()


def create_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    if path.exists():
        raise ConfigError(f"{path} exists already, and a key is never overwritten")
    write_atomically(path, f"{text}\n".encode(), mode=0o600)
