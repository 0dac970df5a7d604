"""Accounts' public keys, as enclaves handed them out.

What is remembered here is worth nothing more than another question to an enclave: a file that is
damaged counts as none, and one that cannot be written is done without. Which epochs were seen is
remembered elsewhere (`_known.py`), since that must not be lost.
Spec: docs/spec/trust.md, encryption keys.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from . import _core
from ._files import read_object, updating
from .errors import CapeError, ConfigError

_log = logging.getLogger("pycape")

_MAX_AGE = timedelta(days=7)


@dataclass(frozen=True)
class KeyRecord:
    """An account's public key, and what vouched for it when an enclave handed it out.

    `fetched_ms` counts from 1970; `trust_root` and `release` are digests in hexadecimal, and
    `release` is None under `insecure.any_code()`.
    """

    account: str
    epoch: int
    public_key: _core.PublicKey
    fetched_ms: int
    trust_root: str
    release: str | None

    @property
    def fetched(self) -> datetime:
        """When the enclave handed it out."""
        return datetime.fromtimestamp(self.fetched_ms / 1000, UTC)

    @property
    def expires(self) -> datetime:
        """From when on it is asked for anew; sooner where the policy's release ends before."""
        return self.fetched + _MAX_AGE

    @classmethod
    def _from_fields(cls, fields: object) -> KeyRecord | None:
        """Read what `_fields` wrote; None for anything else."""
        match fields:
            case {
                "account": str(account),
                "epoch": int(epoch),
                "public_key": str(text),
                "fetched_ms": int(fetched_ms),
                "trust_root": str(trust_root),
                "release": str(release),
            }:
                try:
                    public_key = _core.PublicKey.from_text(text)
                except CapeError:
                    return None
                return cls(account, epoch, public_key, fetched_ms, trust_root, release)
        return None

    def _fields(self) -> dict[str, Any]:
        return {**vars(self), "public_key": self.public_key.to_text()}


class KeyCache:
    """One file an account, with the last key of each KEM; and one that finds them by key id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index = directory / "key_ids.json"

    def usable(
        self,
        account: str,
        kem: str,
        *,
        epoch: int,
        policy: _core.Policy,
        roots: _core.TrustRoots,
        now_ms: int,
    ) -> KeyRecord | None:
        """Return a record while what vouched for it still does, and for seven days at most.

        One of a lower epoch than `epoch` is not returned.
        """
        record = self._record(account, kem)
        if record is None or record.release is None or record.epoch < epoch:
            return None
        age_ms = now_ms - record.fetched_ms
        if not 0 <= age_ms < _MAX_AGE // timedelta(milliseconds=1):
            return None
        if not policy.has_release(record.release, now_ms) or record.trust_root not in roots.digests:
            return None
        return record

    def store(self, record: KeyRecord) -> None:
        """Remember a record in place of an older one; one that no release vouched for never."""
        if record.release is None:
            return
        try:
            with updating(self._path(record.account), damaged_is_empty=True) as known:
                known[record.public_key.kind] = record._fields()
            with updating(self._index, damaged_is_empty=True) as index:
                self._enter(index, record.account)
        except ConfigError as error:
            _log.warning("the key of %s is not remembered: %s", record.account, error)

    def owners_of(self, key_ids: set[bytes]) -> dict[bytes, str]:
        """Return the accounts that remembered keys with these ids are of, by id."""
        try:
            index = read_object(self._index)
        except ConfigError as error:
            _log.debug("whose keys are remembered is not known: %s", error)
            return {}
        accounts = {
            account for each in key_ids if isinstance(account := index.get(each.hex()), str)
        }
        return {
            record.public_key.key_id: account
            for account in accounts
            for record in self._records(account)
            if record.public_key.key_id in key_ids
        }

    def _enter(self, index: dict[str, Any], account: str) -> None:
        """Have the key ids of an account's records in the index, and none that it had before."""
        for key_id in [key_id for key_id, owner in index.items() if owner == account]:
            del index[key_id]
        index |= {each.public_key.key_id.hex(): account for each in self._records(account)}

    def _record(self, account: str, kem: str) -> KeyRecord | None:
        found = (each for each in self._records(account) if each.public_key.kind == kem)
        return next(found, None)

    def _records(self, account: str) -> Iterator[KeyRecord]:
        """Yield what an account's file has of that account, each kind of key in its place."""
        try:
            known = read_object(self._path(account))
        except ConfigError as error:
            _log.debug("remembered keys are fetched anew: %s", error)
            return
        for kem, fields in known.items():
            record = KeyRecord._from_fields(fields)
            if record is not None and (record.account, record.public_key.kind) == (account, kem):
                yield record

    def _path(self, account: str) -> Path:
        return self._directory / f"{account}.json"
