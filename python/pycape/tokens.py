"""Tokens: a function's owner lets somebody run it. Spec: docs/spec/trust.md, token."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._arguments import only_path
from ._core import TokenClaims
from ._files import is_file, no_file, read_text, write_atomically
from ._functions import FunctionRef

__all__ = ["IssuedToken", "Token", "TokenClaims"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_DAYS = 90
DEFAULT_EXPIRY = "30d"


class Token:
    """The right to run one function, signed by its owner, until it expires.

    Args:
        token: The token's text, a JWT. It is judged when it is used.

    Raises:
        TypeError: `token` is no text.
    """

    def __init__(self, token: str) -> None:
        if not isinstance(token, str):
            raise TypeError(f"a token is text, not {type(token).__name__}")
        self._token = token.strip()

    @property
    def token(self) -> str:
        """The text."""
        return self._token

    @property
    def raw(self) -> str:
        """The text."""
        return self._token

    @classmethod
    def from_disk(cls, location: str | os.PathLike[str]) -> Token:
        """Read a token from a file.

        Raises:
            ConfigError: there is no such file, or it cannot be read.
        """
        file = only_path("location", location)
        text = read_text(file)
        if text is None:
            raise no_file("token file", file)
        return cls(text)

    def to_disk(self, location: str | os.PathLike[str]) -> None:
        """Write the token to a file that only this user can read.

        Raises:
            ConfigError: it cannot be written.
        """
        file = only_path("location", location)
        write_atomically(file, self._token.encode(), mode=0o600, ours=False)

    def inspect(self) -> TokenClaims:
        """Return what the token says. Its issuer signed that; nothing else was judged.

        Raises:
            TokenInvalid: the text is no token, or not signed by the account that it names.
        """
        return TokenClaims.read(self._token)

    def __repr__(self) -> str:
        return "Token(...)"

    def __eq__(self, other: object) -> bool:
        return self._token == other._token if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._token)


TokenState: TypeAlias = Literal["valid", "expired", "revoked"]


@dataclass(frozen=True)
class IssuedToken:
    """What this machine remembers of a token that was made here, which is not the token itself.

    `jti` names it in revocation lists, `name` is what it is for. `issued_at` and `expires` are
    seconds since 1970. `state` is "valid", "expired" or "revoked" as of when it was asked for; what
    was revoked is that after it expired, too.
    """

    jti: str
    name: str | None
    account: str
    function: FunctionRef
    issued_at: int
    expires: int
    state: TokenState


AnyToken: TypeAlias = str | os.PathLike[str] | Token


def to_token(token: AnyToken) -> Token:
    """Make a token of its text, the path of a file that holds it, or a token.

    Raises:
        TypeError: it is none of these.
        ConfigError: there is no such file, or it cannot be read.
    """
    if isinstance(token, Token):
        return token
    if not isinstance(token, str | os.PathLike):
        raise TypeError(f"a token is text, a path or a Token, not {type(token).__name__}")
    if isinstance(token, os.PathLike) or is_file(token):
        return Token.from_disk(token)
    return Token(token)


def seconds_of(duration: str | float) -> int:
    """Return the seconds of `"30d"`, `"12h"`, `"300s"`, or of a number of seconds.

    Raises:
        TypeError: it is neither text nor a number.
        ValueError: the text has another form, or no token lasts that long.
    """
    if isinstance(duration, str):
        match = re.fullmatch(r"([0-9]{1,9})([smhd])", duration)
        if match is None:
            raise ValueError(f"a duration is a number and s, m, h or d, not {duration!r}")
        seconds: float = int(match[1]) * _SECONDS[match[2]]
    elif isinstance(duration, int | float):
        seconds = duration
    else:
        raise TypeError(f"a duration is text or a number, not {type(duration).__name__}")
    if not 1 <= seconds <= _LONGEST_DAYS * _SECONDS["d"]:
        raise ValueError(f"a token lasts from a second to {_LONGEST_DAYS} days, not {duration!r}")
    return math.floor(seconds)
