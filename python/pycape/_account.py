"""The account's key on this machine. An account is its key: whoever has the file is the account."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import BinaryIO

from . import _core
from ._files import create_exclusively, unreadable, write_atomically
from ._key_size import MOST_OF_KEY
from .errors import ConfigError, KeyInvalid

_log = logging.getLogger("pycape")


def load_account(path: Path) -> _core.Account | None:
    """Read the account's key; None when there is no file.

    Raises:
        ConfigError: others can read the file, or it holds no account's key.
    """
    text = read_secret(path)
    if text is None:
        return None
    try:
        return _core.Account.from_text(text.strip())
    except KeyInvalid as error:
        raise ConfigError(
            f"{path} holds no account's key: {error}",
            hint="`cape accounts import FILE` puts one there, as `cape accounts export` wrote it; "
            "move this one away first",
        ) from error


def load_or_create_account(path: Path, *, announce: bool = True) -> _core.Account:
    """Read the account's key, or make one, and say so unless that is of no interest.

    Raises:
        ConfigError: as `load_account`, or the file cannot be written.
    """
    if (account := load_account(path)) is not None:
        return account
    account = _core.Account.generate()
    if _created(path, account.to_text(), ours=_is_ours(path)):
        if announce:
            _log.warning(
                "made an account for you: %s (its key is %s: keep it safe)", account.id, path
            )
        return account
    # Somebody else made one in the meantime.
    return load_or_create_account(path)


def replace_account(path: Path, account: _core.Account, *, present: _core.Account | None) -> None:
    """Make `account` this machine's, in place of the `present` one or where there is none.

    Raises:
        ConfigError: one was made in the meantime, or the file cannot be written.
    """
    if present is None:
        create_secret(path, account.to_text(), ours=_is_ours(path))
    elif present.id != account.id:
        content = _content(account.to_text())
        write_atomically(path, content, mode=0o600, ours=_is_ours(path))


def read_secret(path: Path) -> str | None:
    """Read the text of a file that only its owner may read; None when there is none.

    Raises:
        ConfigError: it cannot be read, others can read it, or it is not UTF-8.
    """
    data = read_secret_bytes(path)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} cannot be read: it is not text in UTF-8", hint="is it the right file?"
        ) from error


def read_secret_bytes(path: Path) -> bytes | None:
    """Read a file that only its owner may read; None when there is none.

    Raises:
        ConfigError: it cannot be read, others can read it, or it is longer than any secret.
    """
    try:
        with path.open("rb") as file:
            refuse_shared_secret(file, path)
            data = file.read(MOST_OF_KEY + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MOST_OF_KEY:
        raise ConfigError(
            f"{path} holds no key: it has more than {MOST_OF_KEY} bytes",
            hint="is it the right file?",
        )
    return data


def refuse_shared_secret(file: BinaryIO, path: Path) -> None:
    """Refuse an open file that holds a secret, unless only its owner may read it.

    Raises:
        ConfigError: others can read it.
    """
    mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"{path} holds a secret and others can read it (mode {mode:04o})",
            hint=f"chmod 600 {path}",
        )


def create_secret(path: Path, text: str, *, ours: bool = False) -> None:
    """Write a file that only its owner may read; `ours` as of `write_atomically`.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    if not _created(path, text, ours=ours):
        raise ConfigError(
            f"{path} exists already, and a key is never overwritten", hint="name another file"
        )


def _is_ours(path: Path) -> bool:
    return path != Path(os.environ.get("CAPE_ACCOUNT_KEY_FILE", ""))


def _created(path: Path, text: str, *, ours: bool) -> bool:
    return create_exclusively(path, _content(text), mode=0o600, ours=ours)


def _content(text: str) -> bytes:
    return f"{text}\n".encode()
