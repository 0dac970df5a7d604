"""Revocation lists: what an account takes back, and which list is brought along to an enclave.

Spec: docs/spec/trust.md, token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core, errors
from ._clock import now_ms
from ._effects import Operation
from ._fetched import Fetched
from ._functions import FunctionRef
from .tokens import AnyToken, IssuedToken, to_token

if TYPE_CHECKING:
    from ._platform import Platform, Target


class Revocations:
    """The lists of accounts on one platform. Operations are generators without I/O."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._fetched: dict[str, Fetched] = {}

    def to_bring(self, target: Target) -> Operation[list[str]]:
        """Return the list to bring along: where there is a token, or the manifest demands a list.

        A demanded one is fetched for each call, since its age counts.
        """
        account, demanded = target.manifest.account, target.manifest.revocation_max_age_s
        if demanded is None and target.token is None:
            return []
        fetched = self._fetched.get(account)
        if demanded is not None or fetched is None or fetched.is_old():
            fetched = Fetched.now((yield from self._platform.directory.revocation_list(account)))
            self._fetched[account] = fetched
        return [] if fetched.text is None else [fetched.text]

    def issued_tokens(self) -> Operation[list[IssuedToken]]:
        """Return what is remembered of this account's tokens, and what became of each."""
        self._platform.config.require_url()  # without a platform no account is made
        account = self._platform.account.id
        last = yield from self._last(account)
        return self._platform.known_tokens.issued_by(account, last)

    def revoke(
        self, tokens: list[AnyToken | IssuedToken], functions: list[FunctionRef]
    ) -> Operation[int]:
        """Publish a revocation list that holds what the last one held, and these.

        The last one is the later of the directory's and the one that was published from here.
        """
        account = self._platform.account
        claims = [
            token if isinstance(token, IssuedToken) else to_token(token).inspect()
            for token in tokens
        ]
        for other in {each.account for each in claims} - {account.id}:
            raise errors.PermissionDenied(
                f"the token was issued by {other}, and this account is {account.id}",
                hint="only who issued a token can take it back",
            )
        last = yield from self._last(account.id)
        jtis = set(last.jtis if last else ()) | {each.jti for each in claims}
        checksums = set(last.checksums if last else ())
        for ref in functions:
            checksums.add((yield from self._platform.manifests.own(ref)).checksum)
        number = 1 if last is None else last.number + 1
        text = account.sign_revocations(number, sorted(jtis), sorted(checksums), now_ms())
        yield from self._platform.directory.publish_revocations(account.id, text)
        self._platform.known_revocations.remember(account.id, text)
        self._fetched[account.id] = Fetched.now(text)
        return number

    def _last(self, account: str) -> Operation[_core.RevocationList | None]:
        published = yield from self._platform.directory.revocation_list(account)
        texts = (published, self._platform.known_revocations.get(account))
        lists = [_core.RevocationList.verify(text) for text in texts if text is not None]
        if others := {each.account for each in lists} - {account}:
            raise errors.ProtocolError(f"the directory answered with the list of {min(others)}")
        return max(lists, key=lambda each: each.number, default=None)
