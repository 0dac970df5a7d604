"""User names on one platform: who has claimed them, and what was remembered of that.

Spec: docs/spec/trust.md, account.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import _core, errors
from ._arguments import only_text
from ._effects import Operation
from ._strangers import named

if TYPE_CHECKING:
    from ._platform import Platform

_USER_NAME = re.compile(r"(?!cape1)[a-z][a-z0-9-]{2,31}")


class UserNames:
    """What names of accounts stand for. Operations are generators without I/O."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def account_of(self, user: str) -> Operation[str]:
        """Return the account id that a user name or account id stands for.

        Raises:
            RecipientUnknown: it has neither form, or nobody has claimed the name.
            RecipientChanged: the name stood for another account.
        """
        if _core.is_account_id(user):
            return user
        account = yield from self._claimant(user)
        self._platform.known_accounts.check(user, account)
        return account

    def trust(self, name: str, expected: str | None) -> Operation[str]:
        """Accept the account that a name stands for now, which has to be the expected one.

        Raises:
            RecipientChanged: it is another.
        """
        account = yield from self._claimant(name)
        if expected not in {None, account}:
            raise errors.RecipientChanged(
                f"the directory says that {name} is {account}, and not {expected}",
                hint="the name is another's here: use the account id itself",
                details={"name": name, "expected": str(expected), "now": account},
            )
        self._platform.known_accounts.trust(name, account)
        return account

    def claim(self, name: str) -> Operation[None]:
        """Claim a name, and remember it as this account's."""
        platform = self._platform
        yield from platform.directory.claim_name(name, platform.account.sign_name_claim(name))
        platform.known_accounts.trust(name, platform.account.id)

    def _claimant(self, name: str) -> Operation[str]:
        """Return the account that a directory proves to have claimed a name."""
        if not _USER_NAME.fullmatch(name):
            raise errors.RecipientUnknown(
                f"{named(name)} is neither an account id nor a user name",
                hint="a user name has 3 to 32 lower-case letters, digits and hyphens, a letter "
                "first; an account id (cape1...) has a checksum: copy it whole",
            )
        claim = yield from self._platform.directory.name_claim(name)
        if claim is None:
            raise errors.RecipientUnknown(
                f"nobody has the user name {name!r} on {self._platform.config.url.value}",
                hint="account ids (cape1...) need no directory and are always right",
            )
        account, claimed = _core.verify_name_claim(claim)
        if claimed != name:
            raise errors.RecipientUnknown(f"the directory answered with the claim of {claimed!r}")
        return account


def only_account_id(account: object) -> str:
    """Return an argument that has to be an account id.

    Raises:
        TypeError: it is no text.
        KeyInvalid: it is none.
    """
    text = only_text("account", account)
    if not _core.is_account_id(text):
        raise errors.KeyInvalid(
            f"{named(text)} is no account id", hint="it begins with cape1: copy it whole"
        )
    return text
