"""Tokens: a function's owner lets somebody run it. Spec: docs/spec/trust.md, token."""

from __future__ import annotations

import os
import re
from pathlib import Path

from . import _core
from ._profile import write_atomically

__all__ = ["Token"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Token:
    """The right to run one function, signed by its owner, until it expires.

    Args:
        token: The token's text, a JWT.
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
            ValueError: there is no such file.
        """
        path = Path(location)
        if not path.is_file():
            raise ValueError(f"there is no token file {path}")
        return cls(path.read_text("utf-8"))

    def to_disk(self, location: str | os.PathLike[str]) -> None:
        """Write the token to a file that only this user can read."""
        write_atomically(Path(location), self._token.encode(), mode=0o600)

    def inspect(self) -> _core.TokenClaims:
        """Return what the token says. Its issuer signed that; nothing else was judged.

        Raises:
            TokenInvalid: the text is no token.
        """
        return _core.TokenClaims.read(self._token)

    def __repr__(self) -> str:
        return f"Token(...{self._token[-6:]})"

    def __eq__(self, other: object) -> bool:
        return self._token == other._token if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._token)


def to_token(token: str | os.PathLike[str] | Token) -> Token:
    """Make a token of its text, the path of a file that holds it, or a token."""
    if isinstance(token, Token):
        return token
    if isinstance(token, os.PathLike) or (
        len(token) < os.pathconf("/", "PC_PATH_MAX") and Path(token).is_file()
    ):
        return Token.from_disk(token)
    return Token(token)


def seconds_of(duration: str | float) -> int:
    """Return the seconds of `"30d"`, `"12h"`, `"300s"`, or of a number of seconds.

    Raises:
        ValueError: the text has another form, or the duration is not above zero.
    """
    if isinstance(duration, int | float):
        seconds = int(duration)
    else:
        match = re.fullmatch(r"(\d{1,9})([smhd])", duration)
        if match is None:
            raise ValueError(f"a duration is a number and s, m, h or d, not {duration!r}")
        seconds = int(match[1]) * _UNITS[match[2]]
    if seconds <= 0:
        raise ValueError(f"a duration has to be above zero: {duration!r}")
    return seconds
