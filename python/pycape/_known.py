"""What this machine remembers: what names stood for, how far versions, epochs and lists had come.

Each file holds one JSON object. A change is refused, never taken over in silence; but for
`KnownBundles`, which only saves work.
Spec: docs/spec/trust.md, account, function and token.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ._clock import now_ms
from ._files import damaged, read_object, updating
from .errors import ChecksumMismatch, ConfigError, Conflict, RecipientChanged, RecipientUnknown

_log = logging.getLogger("pycape")


class KnownAccounts:
    """User names and the account ids they stood for when they were first used."""

    def __init__(self, path: Path, *, strict: bool) -> None:
        self._path = path
        self._strict = strict

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from sorted(read_object(self._path).items())

    def check(self, name: str, account: str) -> None:
        """Compare what a directory says with what is remembered; remember a name seen first.

        Raises:
            RecipientChanged: the name stood for another account.
            RecipientUnknown: the name is not known here and unknown names are refused.
        """
        with updating(self._path) as known:
            remembered = known.get(name)
            if remembered == account:
                return
            if remembered is not None:
                raise RecipientChanged(
                    f"{name} stood for {remembered} and now stands for {account}",
                    hint="compare account ids with the owner by other means, "
                    f"then `cape accounts trust {name}`",
                    details={"name": name, "known": str(remembered), "now": account},
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
        with updating(self._path) as known:
            known[name] = account


class KnownFunctions:
    """The highest version seen of each function name, and its checksum."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def version(self, account: str, name: str) -> int:
        """Return the highest version seen; 0 for none."""
        return self._entry(read_object(self._path), f"{account}/{name}")[0]

    def names(self) -> dict[str, str]:
        """Return the names (`account/name`) of the versions seen last, by checksum."""
        known = read_object(self._path)
        return {self._entry(known, key)[1]: key for key in known}

    def check(self, account: str, name: str, version: int, checksum: str) -> None:
        """Compare a manifest with what is remembered, and remember it.

        Raises:
            Conflict: a higher version was seen before.
            ChecksumMismatch: the same version had another checksum.
        """
        key = f"{account}/{name}"
        with updating(self._path) as known:
            seen_version, seen_checksum = self._entry(known, key)
            if version < seen_version:
                raise Conflict(
                    f"{key} is offered in version {version}, and version {seen_version} "
                    "was seen here before",
                    hint="the directory may be behind, or lie: name the function by its checksum",
                )
            if version == seen_version and checksum != seen_checksum:
                raise ChecksumMismatch(
                    f"version {version} of {key} had the checksum {seen_checksum} "
                    f"and now has {checksum}",
                    hint="one version has one checksum: ask its owner which is right",
                )
            known[key] = {"version": version, "checksum": checksum}

    def _entry(self, known: dict[str, Any], key: str) -> tuple[int, str]:
        if key not in known:
            return 0, ""
        match known[key]:
            case {"version": int(version), "checksum": str(checksum)}:
                return version, checksum
        raise damaged(self._path, f"the entry of {key} has another form")


class KnownEpochs:
    """The highest epoch that was seen of each account's keys: none goes back to a lower one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, account: str) -> int:
        """Return the highest epoch seen; 0 for none."""
        return self._entry(read_object(self._path), account)

    def learn(self, account: str, epoch: int) -> None:
        """Remember an epoch, unless a higher one was seen."""
        if epoch <= self.get(account):
            return
        with updating(self._path) as known:
            known[account] = max(epoch, self._entry(known, account))

    def check(self, account: str, epoch: int) -> None:
        """Compare what a directory says with what is remembered, and remember it.

        Raises:
            RecipientChanged: a higher epoch was seen before.
        """
        seen = self.get(account)
        if epoch < seen:
            raise RecipientChanged(
                f"the directory offers epoch {epoch} of {account}, and {seen} is known here",
                hint="the directory may be behind, or lie: ask the account's owner; "
                "for your own account, `cape keys rotate` tells it the next",
            )
        self.learn(account, epoch)

    def _entry(self, known: dict[str, Any], account: str) -> int:
        match known.get(account, 0):
            case int(epoch) if epoch >= 0:
                return epoch
        raise damaged(self._path, f"the entry of {account} has another form")


class KnownRevocations:
    """The revocation list that each account of this machine published last.

    A directory that shows its owner an older one would have what came after it taken back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, account: str) -> str | None:
        """Return the last list; None when none was published from here."""
        text = read_object(self._path).get(account)
        if not isinstance(text, str | None):
            raise damaged(self._path, f"the entry of {account} has another form")
        return text

    def remember(self, account: str, revocations: str) -> None:
        """Remember a list that was published."""
        with updating(self._path) as known:
            known[account] = revocations


@dataclass(frozen=True)
class KnownBundle:
    """SHA-256 (hex) and size (bytes) of a bundle that was made here."""

    sha256: str
    size: int


class KnownBundles:
    """Which bundles came of which folders' content, so that none is made again to see that.

    It decides nothing: a bundle that a manifest does not name is made. So what cannot be read or
    written here is passed over.
    """

    _MOST = 256

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, fingerprint: str | None) -> KnownBundle | None:
        """Return the bundle that came of what has this fingerprint; None if that is not known."""
        if fingerprint is None:
            return None
        with suppress(ConfigError):
            match read_object(self._path).get(fingerprint):
                case {"sha256": str(sha256), "size": int(size)}:
                    return KnownBundle(sha256, size)
        return None

    def remember(self, fingerprint: str | None, bundle: KnownBundle) -> None:
        """Remember a bundle, and forget the oldest beyond a few hundred."""
        if fingerprint is None or self.get(fingerprint) == bundle:
            return
        with suppress(ConfigError), updating(self._path, damaged_is_empty=True) as known:
            known[fingerprint] = {**asdict(bundle), "at_ms": now_ms()}
            for oldest in sorted(known, key=lambda each: _at_ms(known[each]))[: -self._MOST]:
                del known[oldest]


def _at_ms(entry: Any) -> int:
    match entry:
        case {"at_ms": int(at_ms)}:
            return at_ms
    return 0
