"""Accounts, for the async client. See `_client_accounts.py`."""

from __future__ import annotations

from ._arguments import only_text
from ._async_client_connections import AsyncClientConnections
from ._encryption_arguments import DEFAULT_KEM
from ._key_cache import KeyRecord
from ._user_names import only_account_id


class AsyncClientAccounts(AsyncClientConnections):
    """What a client knows of accounts by their names, and does to its own."""

    async def account_of(self, user: str) -> str:
        """Return the account id that a user name stands for, and remember it.

        Raises:
            TypeError: `user` is no text.
            RecipientUnknown: nobody has it, or it is new here and new ones are refused.
            RecipientChanged: it stood for another account before.
        """
        return await self._drive(self._platform.user_names.account_of(only_text("user", user)))

    async def claim_name(self, name: str) -> None:
        """Claim a user name for this account; first come, first served.

        Raises:
            TypeError: `name` is no text.
            ConfigError: no user name has this form.
            Conflict: another account has it.
        """
        await self._drive(self._platform.user_names.claim(only_text("name", name)))

    async def trust_account(self, name: str, account: str | None = None) -> str:
        """Accept the account that a user name stands for now, and return its id.

        Args:
            name: The user name.
            account: The account id that its owner told by other means. Without it, whatever the
                directory says is accepted.

        Raises:
            TypeError: `name` or `account` is no text.
            RecipientUnknown: nobody has it.
            RecipientChanged: it is not `account`.
            KeyInvalid: `account` is no account id.
        """
        expected = None if account is None else only_account_id(account)
        return await self._drive(self._platform.user_names.trust(only_text("name", name), expected))

    async def rotate_keys(self) -> KeyRecord:
        """Begin a new epoch of this account's encryption keys, and return its first key.

        What is encrypted from now on is for the new keys; others' clients take them when they ask
        an enclave again, after seven days at most. Functions go on opening older epochs: to retire
        those, deploy with a higher `min_epoch` in the settings, and revoke the versions before.

        Raises:
            Conflict: a function would not open the new epoch: deploy it with a higher `min_epoch`
                first. Or the epoch was begun elsewhere meanwhile.
            PolicyRequired: no policy says which enclaves to trust.
            AttestationError: the enclave did not prove itself; nothing was published.
        """
        policy = self._platform.policy()
        rotation = await self._drive(self._platform.keys.plan_rotation())
        return await self._ask(
            policy, lambda session: self._platform.keys.rotate(session, rotation, DEFAULT_KEM)
        )
