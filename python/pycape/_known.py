"""What this machine remembers: which account a name stood for, which version a function had.

Both files hold one JSON object. A change is refused, never taken over in silence.
Spec: docs/spec/trust.md, account and function.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._profile import write_atomically
from .errors import ChecksumMismatch, ConfigError, Conflict, RecipientChanged, RecipientUnknown

_log = logging.getLogger("pycape")


class KnownAccounts:
    """User names and the account ids they stood for when they were first used."""

    def __init__(self, path: Path, *, strict: bool) -> None:
        self._path = path
        self._strict = strict

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from sorted(_read(self._path).items())

    def get(self, name: str) -> str | None:
        """Return the account id that is remembered for a name."""
        return _read(self._path).get(name)

    def check(self, name: str, account: str) -> None:
        """Compare what a directory says with what is remembered; remember a name seen first.

        Raises:
            RecipientChanged: the name stood for another account.
            RecipientUnknown: the name is not known here and unknown names are refused.
        """
        with _updating(self._path) as known:
            remembered = known.get(name)
            if remembered == account:
                return
            if remembered is not None:
                raise RecipientChanged(
                    f"{name} stood for {remembered} and now stands for {account}",
                    details={"name": name, "known": remembered, "now": account},
                )
            if self._strict:
                raise RecipientUnknown(
                    f"{name} is not known here (the directory says {account}), "
                    "and unknown names are refused (CAPE_STRICT_ACCOUNTS)",
                    hint=f"`cape accounts trust {name}` accepts it",
                )
            known[name] = account
        _log.warning("%s is %s: remembered from now on", name, account)

    def trust(self, name: str, account: str) -> None:
        """Remember a name's account, whatever was remembered before."""
        with _updating(self._path) as known:
            known[name] = account


class KnownFunctions:
    """The highest version seen of each function name, and its checksum."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, account: str, name: str, version: int, checksum: str) -> None:
        """Compare a manifest with what is remembered, and remember it.

        Raises:
            Conflict: a higher version was seen before.
            ChecksumMismatch: the same version had another checksum.
        """
        key = f"{account}/{name}"
        with _updating(self._path) as known:
            seen = known.get(key, {"version": 0, "checksum": ""})
            if version < seen["version"]:
                raise Conflict(
                    f"{key} is offered in version {version}, and version {seen['version']} "
                    "was seen here before",
                    hint="the directory may be behind, or lie: name the function by its checksum",
                )
            if version == seen["version"] and checksum != seen["checksum"]:
                raise ChecksumMismatch(
                    f"version {version} of {key} had the checksum {seen['checksum']} "
                    f"and now has {checksum}",
                    hint="one version has one checksum: ask its owner which is right",
                )
            known[key] = {"version": version, "checksum": checksum}


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(known, dict):
        raise ConfigError(f"{path} does not hold a JSON object")
    return known


@contextmanager
def _updating(path: Path) -> Iterator[dict[str, Any]]:
    """Lend what a file holds, and write it back when it changed and nothing was raised."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(path)
        before = json.dumps(known, sort_keys=True)
        yield known
        after = json.dumps(known, sort_keys=True, indent=1)
        if json.dumps(known, sort_keys=True) != before:
            write_atomically(path, f"{after}\n".encode(), mode=0o600)
