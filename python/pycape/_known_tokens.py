"""Which tokens were issued here: enough to list them and to take them back, and no token.

Spec: docs/spec/profile.md, what is remembered.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import _core
from ._clock import now_ms
from ._files import damaged, read_object, updating
from ._functions import FunctionRef
from .errors import CapeError, ConfigError
from .tokens import IssuedToken, TokenState

_log = logging.getLogger("pycape")

_MOST = 1000
_KEPT_AFTER_EXPIRY_S = 30 * 86_400
_LATEST = 1 << 37  # in the year 6325: there are dates for all seconds before


class KnownTokens:
    """What was issued for functions on one platform, by all accounts that this machine has."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def issued_by(
        self, account: str, revocations: _core.RevocationList | None
    ) -> list[IssuedToken]:
        """Return the tokens of an account, the last one first, with what its list says of them."""
        revoked: set[str | None] = set()
        if revocations is not None:
            revoked.update(revocations.jtis, revocations.checksums)
        tokens = [
            replace(token, state="revoked")
            if {token.jti, token.function.checksum} & revoked
            else token
            for token in self._lasting(read_object(self._path))
            if token.account == account
        ]
        return sorted(tokens, key=lambda each: (each.issued_at, each.jti), reverse=True)

    def remember(self, claims: _core.TokenClaims, function: str) -> None:
        """Remember a token for the function of that name; forget what ended long ago.

        The token is good without that: what cannot be read or written here is only told.
        """
        try:
            with updating(self._path) as known:
                known[claims.jti] = {
                    "account": claims.account,
                    "function": function,
                    "checksum": claims.checksum,
                    "name": claims.name,
                    "issued_at": claims.issued_at,
                    "expires": claims.expires,
                }
                lasting = {token.jti for token in self._lasting(known)}
                for jti in known.keys() - lasting:
                    del known[jti]
        except ConfigError as error:
            _log.warning("the token %s is not listed: %s", claims.jti, error)

    def _lasting(self, known: dict[str, Any]) -> list[IssuedToken]:
        """Return all but what expired thirty days ago, and beyond a thousand what expires first."""
        tokens = [self._token(jti, fields) for jti, fields in known.items()]
        longest = sorted(tokens, key=lambda each: each.expires, reverse=True)[:_MOST]
        oldest = _now_s() - _KEPT_AFTER_EXPIRY_S
        return [token for token in longest if token.expires > oldest]

    def _token(self, jti: str, fields: object) -> IssuedToken:
        match fields:
            case {
                "account": str(account),
                "function": str(function),
                "checksum": str(checksum),
                "name": str() | None as name,
                "issued_at": int(issued_at),
                "expires": int(expires),
            } if 0 <= issued_at < expires < _LATEST:
                try:
                    ref = _function(account, function, checksum)
                except (CapeError, ValueError):
                    raise self._damaged(jti) from None
                state: TokenState = "expired" if expires <= _now_s() else "valid"
                return IssuedToken(jti, name, account, ref, issued_at, expires, state)
        raise self._damaged(jti)

    def _damaged(self, jti: str) -> ConfigError:
        return damaged(self._path, f"the entry of {jti} has another form")


def _function(account: str, name: str, checksum: str) -> FunctionRef:
    function_id = _core.function_id(checksum)
    return FunctionRef(function_id, f"{account}/{name}", checksum, account=account)


def _now_s() -> int:
    return now_ms() // 1000
