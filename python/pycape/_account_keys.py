"""Accounts' encryption keys: fetched from enclaves, remembered, and changed from epoch to epoch.

Spec: docs/spec/trust.md, encryption keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _core, errors
from ._clock import now_ms
from ._effects import Operation
from ._key_cache import KeyCache, KeyRecord
from ._known import KnownEpochs

if TYPE_CHECKING:
    from ._platform import Platform
    from ._session import Session

_LAST_EPOCH = 2**32 - 1


@dataclass(frozen=True)
class Rotation:
    """The signed record of an account's next epoch, which is not published yet."""

    text: str
    epoch: int


class AccountKeys:
    """The keys of all accounts on one platform. Operations are generators without I/O."""

    def __init__(self, platform: Platform) -> None:
        folder = platform.config.known
        self._platform = platform
        self.cache = KeyCache(folder / "keys")
        self.known_epochs = KnownEpochs(folder / "epochs")

    def remembered(self, account: str, kem: str, policy: _core.Policy) -> KeyRecord | None:
        """Return a remembered key, while what vouched for it still does under `policy`."""
        return self.cache.usable(
            account,
            kem,
            epoch=self.known_epochs.get(account),
            policy=policy,
            roots=self._platform.trust_roots,
            now_ms=now_ms(),
        )

    def fetch(self, session: Session, account: str, kem: str) -> Operation[KeyRecord]:
        """Ask an attested enclave for an account's key, and remember it.

        Raises:
            RecipientChanged: the epoch is lower than one seen before.
        """
        text, epoch = yield from self.epoch(account)
        record = yield from _ask(session, account, kem, text, epoch)
        self.cache.store(record)
        return record

    def epoch(self, account: str) -> Operation[tuple[str | None, int]]:
        """Return an account's epoch record, and its number; None and 0 when it has none.

        Raises:
            RecipientChanged: the epoch is lower than one seen before.
        """
        record, epoch = yield from self._published(account)
        self.known_epochs.check(account, epoch)
        return record, epoch

    def _published(self, account: str) -> Operation[tuple[str | None, int]]:
        record = yield from self._platform.directory.epoch_record(account)
        if record is None:
            return None, 0
        signer, epoch = _core.verify_epoch_record(record)
        if signer != account:
            raise errors.ProtocolError(f"the directory answered with the epoch of {signer}")
        return record, epoch

    def plan_rotation(self) -> Operation[Rotation]:
        """Sign the epoch record that follows the highest that is published or known here.

        So a directory that is behind, or withholds the present one, is told a higher one.

        Raises:
            Conflict: a function of this account would not open what is sealed for the new epoch,
                or there is no further one.
        """
        account = self._platform.account
        _, published = yield from self._published(account.id)
        self.known_epochs.learn(account.id, published)
        present = self.known_epochs.get(account.id)
        if present == _LAST_EPOCH:
            raise errors.Conflict(
                f"{account.id} is in epoch {present}, and there is none after it",
                hint="make another account: `cape accounts show` with another CAPE_CONFIG_DIR",
            )
        epoch = present + 1
        functions = newest_of_each((yield from self._platform.manifests.all_of(account.id)))
        closed = [each for each in functions if each.max_epoch < epoch]
        if closed:
            raise errors.Conflict(
                f"what is encrypted for epoch {epoch} would not open in {_windows(closed)}",
                hint=f"deploy with `min_epoch = {present}` in the function's settings first, "
                "or delete what is not used any more",
            )
        return Rotation(account.sign_epoch_record(epoch), epoch)

    def rotate(self, session: Session, rotation: Rotation, kem: str) -> Operation[KeyRecord]:
        """Ask an attested enclave for the new epoch's key, then publish the epoch.

        In this order, nobody is told of an epoch that no approved enclave has a key of.
        """
        account = self._platform.account.id
        record = yield from _ask(session, account, kem, rotation.text, rotation.epoch)
        yield from self._platform.directory.publish_epoch(account, rotation.text)
        self.known_epochs.learn(account, rotation.epoch)
        self.cache.store(record)
        return record

    def check_function(self, manifest: _core.Manifest) -> Operation[None]:
        """Refuse a function that could not open what is encrypted for its account now.

        Raises:
            Conflict: it could not.
        """
        _, present = yield from self.epoch(manifest.account)
        if not manifest.min_epoch <= present <= manifest.max_epoch:
            raise errors.Conflict(
                f"the function would open epochs {manifest.min_epoch} to {manifest.max_epoch}, "
                f"and what is encrypted for {manifest.account} now is of epoch {present}",
                hint=f"set `min_epoch = {present}` in its settings; `cape keys rotate` begins an "
                "epoch",
            )


def newest_of_each(manifests: list[_core.Manifest]) -> list[_core.Manifest]:
    """Return the highest version of each name, by name."""
    newest = {each.name: each for each in sorted(manifests, key=lambda each: each.version)}
    return [newest[name] for name in sorted(newest)]


def _ask(
    session: Session, account: str, kem: str, epoch_record: str | None, epoch: int
) -> Operation[KeyRecord]:
    statements = [] if epoch_record is None else [epoch_record]
    answer = yield from session.key(account, kem, statements)
    key = answer.public_key
    if key is None or (key.account, key.kem, key.epoch) != (account, kem, epoch):
        raise errors.ProtocolError("the enclave answered with another key than asked for")
    verified = session.attestation
    return KeyRecord(
        account=account,
        epoch=epoch,
        public_key=key.public_key,
        fetched_ms=now_ms(),
        trust_root=verified.trust_root_digest,
        release=verified.release_digest,
    )


def _windows(manifests: list[_core.Manifest]) -> str:
    return ", ".join(f"{m.name} (epochs {m.min_epoch} to {m.max_epoch})" for m in manifests)
