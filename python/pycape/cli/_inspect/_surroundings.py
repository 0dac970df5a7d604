"""What this machine knows, of which each part is read when it is asked for.

A file that cannot be read is no reason to say nothing of another one: it counts as empty, and
that is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pycape import _core
    from pycape._config import Config
    from pycape._platform import Platform

_T = TypeVar("_T")


@dataclass(frozen=True)
class Surroundings:
    """This machine's account and what it remembers, a key to compare with, and the time.

    `not_read` has what could not be read of it so far, in words.
    """

    config: Config
    key: _core.PublicKey | _core.PrivateKey | None
    now_ms: int
    not_read: list[str] = field(default_factory=list)

    @cached_property
    def platform(self) -> Platform:
        """The platform that is configured here."""
        from pycape._platform import Platform  # noqa: PLC0415 - `cape --help` does without

        return Platform(self.config, policy=None, trust_roots=None)

    def is_own(self, account: str) -> bool | None:
        """Tell whether an account is this machine's; None when its key could not be read."""
        own, doubts = self._own_account
        return None if doubts else account == own

    def called(self, account: str) -> str:
        """Return an account with what it is called here."""
        if self.is_own(account):
            return f"{account} (your account)"
        names = [name for name, each in self.known_accounts if each == account]
        return f"{account} ({', '.join(names)})" if names else account

    @property
    def doubts(self) -> list[str]:
        """What is to be said, in words, where `is_own` cannot tell."""
        return self._own_account[1]

    @cached_property
    def known_accounts(self) -> list[tuple[str, str]]:
        """User names that are known here, each with its account."""
        return self._read(lambda: list(self.platform.known_accounts)) or []

    @cached_property
    def known_functions(self) -> dict[str, str]:
        """Functions that are known here: names by checksum."""
        return self._read(lambda: dict(self.platform.known_functions.names())) or {}

    def owners_of(self, key_ids: set[bytes]) -> dict[bytes, str]:
        """Return the accounts that remembered keys are of, by key id."""
        return self._read(lambda: self.platform.keys.cache.owners_of(key_ids)) or {}

    @cached_property
    def _own_account(self) -> tuple[str | None, list[str]]:
        """This machine's account, None when there is none; and why that could not be read."""
        from pycape._account import load_account  # noqa: PLC0415 - `cape --help` does without

        known = len(self.not_read)
        account = self._read(lambda: load_account(self.config.account_key_file))
        doubts = [
            f"Whether this is your account is not known: its key could not be read here ({why})."
            for why in self.not_read[known:]
        ]
        return None if account is None else account.id, doubts

    def _read(self, read: Callable[[], _T]) -> _T | None:
        from pycape.errors import ConfigError  # noqa: PLC0415 - `cape --help` does without

        try:
            return read()
        except ConfigError as error:
            self.not_read.append(str(error))
            return None
