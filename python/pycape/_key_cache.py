"""Accounts' public keys, as enclaves handed them out.

Spec: docs/spec/trust.md, the account's encryption keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _core
from ._files import read_object, updating
from .errors import CapeError

_MAX_AGE_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True)
class KeyRecord:
    """A public key, and what vouched for it when it was fetched.

    `fetched_ms` counts from 1970; `trust_root` and `release` are digests in hexadecimal.
    """

    public_key: _core.PublicKey
    epoch: int
    fetched_ms: int
    trust_root: str
    release: str

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> KeyRecord | None:
        """Read what `fields` wrote; None for anything else."""
        try:
            return cls(
                public_key=_core.PublicKey.from_text(fields["public_key"]),
                epoch=int(fields["epoch"]),
                fetched_ms=int(fields["fetched_ms"]),
                trust_root=str(fields["trust_root"]),
                release=str(fields["release"]),
            )
        except (ValueError, KeyError, TypeError, CapeError):
            return None

    def fields(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return {**vars(self), "public_key": self.public_key.to_text()}


class KeyCache:
    """One file an account: the highest epoch known, and the last key of each KEM."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def usable(
        self, account: str, kem: str, policy: _core.Policy, roots: _core.TrustRoots, now_ms: int
    ) -> _core.PublicKey | None:
        """Return a key while what vouched for it still does, and for seven days at most."""
        known = self._read(account)
        record = _record(known, kem)
        if record is None or not 0 <= now_ms - record.fetched_ms < _MAX_AGE_MS:
            return None
        if not policy.has_release(record.release, now_ms) or record.trust_root not in roots.digests:
            return None
        return record.public_key if record.epoch >= _epoch(known) else None

    def known_epoch(self, account: str) -> int:
        """Return the highest epoch that was seen of an account; 0 for none."""
        return _epoch(self._read(account))

    def learn_epoch(self, account: str, epoch: int) -> None:
        """Remember an epoch: keys of lower ones are not used any more."""
        with updating(self._path(account)) as known:
            known["epoch"] = max(epoch, _epoch(known))

    def store(self, account: str, kem: str, record: KeyRecord) -> None:
        """Remember a record in place of an older one."""
        with updating(self._path(account)) as known:
            known["epoch"] = max(record.epoch, _epoch(known))
            known[kem] = record.fields()

    def owners_of(self, key_ids: set[bytes]) -> dict[bytes, str]:
        """Return the accounts that remembered keys with these ids are of, by id."""
        return {
            record.public_key.key_id: path.stem
            for path in self._directory.glob("*.json")
            for record in _records(self._read(path.stem))
            if record.public_key.key_id in key_ids
        }

    def _read(self, account: str) -> dict[str, Any]:
        return read_object(self._path(account))

    def _path(self, account: str) -> Path:
        return self._directory / f"{account}.json"


def _epoch(known: dict[str, Any]) -> int:
    epoch = known.get("epoch")
    return epoch if isinstance(epoch, int) else 0


def _records(known: dict[str, Any]) -> Iterator[KeyRecord]:
    for kem in known.keys() - {"epoch"}:
        if (record := _record(known, kem)) is not None:
            yield record


def _record(known: dict[str, Any], kem: str) -> KeyRecord | None:
    fields = known.get(kem)
    return KeyRecord.from_fields(fields) if isinstance(fields, dict) else None
