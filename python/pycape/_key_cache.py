"""Accounts' public keys, as enclaves handed them out. Spec: docs/spec/trust.md, encryption keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import _core
from ._profile import write_atomically
from .errors import CryptoError

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


class KeyCache:
    """One file an account and KEM, in a folder of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def usable(
        self, account: str, kem: str, policy: _core.Policy, roots: _core.TrustRoots, now_ms: int
    ) -> KeyRecord | None:
        """Return a record while what vouched for it still holds, and for seven days at most."""
        record = self.stored(account, kem)
        if record is None or not 0 <= now_ms - record.fetched_ms < _MAX_AGE_MS:
            return None
        if not policy.has_release(record.release, now_ms) or record.trust_root not in roots.digests:
            return None
        return record

    def stored(self, account: str, kem: str) -> KeyRecord | None:
        """Return a record, however old; None when there is none that can be read."""
        try:
            fields = json.loads(self._path(account, kem).read_text("utf-8"))
            return KeyRecord(
                public_key=_core.PublicKey.from_text(fields["public_key"]),
                epoch=int(fields["epoch"]),
                fetched_ms=int(fields["fetched_ms"]),
                trust_root=str(fields["trust_root"]),
                release=str(fields["release"]),
            )
        except (OSError, ValueError, KeyError, TypeError, CryptoError):
            return None

    def store(self, account: str, kem: str, record: KeyRecord) -> None:
        """Remember a record in place of an older one."""
        fields = {
            "public_key": record.public_key.to_text(),
            "epoch": record.epoch,
            "fetched_ms": record.fetched_ms,
            "trust_root": record.trust_root,
            "release": record.release,
        }
        write_atomically(
            self._path(account, kem), f"{json.dumps(fields, indent=1)}\n".encode(), mode=0o600
        )

    def owner_of(self, key_ids: set[bytes]) -> str | None:
        """Return an account one of whose remembered keys has one of these ids."""
        return next((account for account, key_id in self._key_ids() if key_id in key_ids), None)

    def has_key_of(self, account: str, key_ids: set[bytes]) -> bool:
        """Tell whether one of these ids is of a remembered key of the account."""
        return any(owner == account and key_id in key_ids for owner, key_id in self._key_ids())

    def _key_ids(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self._directory.glob("*.json")):
            account, _, kem = path.stem.partition(".")
            record = self.stored(account, kem)
            if record is not None:
                yield account, record.public_key.key_id

    def _path(self, account: str, kem: str) -> Path:
        return self._directory / f"{account}.{kem}.json"
