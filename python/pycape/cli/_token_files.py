"""Tokens: in files, as `cape token create -o` writes them, in the environment, and by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pycape.cli._errors import NoInput, UsageError
from pycape.cli._files import STDIN, display_name, utf_8
from pycape.cli._limits import TOKEN
from pycape.cli._other_files import A_TOKEN, others_told

if TYPE_CHECKING:
    from pycape import Cape, Token
    from pycape.cli._context import Context
    from pycape.tokens import IssuedToken

_VARIABLE = "CAPE_TOKEN"
_JWT_BEGINS = A_TOKEN.begins.decode()
_MOST_SHOWN = 10


def read_token(context: Context, name: str) -> Token:
    """Return the token in a file whose issuer's signature holds; `-` is stdin."""
    data = TOKEN.read_some(name)
    with others_told(context, A_TOKEN, name, data):
        return _token(utf_8(TOKEN.checked(data, name), name).strip(), display_name(name))


def read_own_token(context: Context, cape: Cape, name: str) -> Token | IssuedToken:
    """Return the token in a file, else what is remembered of the one with that jti or name."""
    try:
        return read_token(context, name)
    except NoInput:
        refuse_token_itself(name, hint="put it in a file, and name that; - is stdin")
        # A file that cannot be read is meant; without a platform no token was made.
        is_there = os.path.lexists(name) and not os.path.isdir(name)  # noqa: PTH112 - as `is_file`
        if name == STDIN or is_there or context.config().url.value is None:
            raise
    tokens = cape.tokens()
    named = [token for token in tokens if token.name == name and token.state == "valid"]
    found = [token for token in tokens if token.jti == name] or named
    if not found:
        raise NoInput(
            f"{name:.200}: there is no such file, and no valid token of that name",
            hint="`cape token list` shows the tokens that were made here",
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} valid tokens are called {name}",
            hint=f"name one by its jti: {', '.join(token.jti for token in found[:_MOST_SHOWN])}",
        )
    return found[0]


def refuse_token_itself(name: str, *, hint: str) -> None:
    """Refuse a token in the place of its file's name; it is not repeated."""
    if name.startswith(_JWT_BEGINS):
        raise UsageError(
            "a token on the command line can be read by everybody on this machine", hint=hint
        )


def token_of_environment() -> Token | None:
    """Return the one in CAPE_TOKEN."""
    text = os.environ.get(_VARIABLE)
    return _token(text, _VARIABLE) if text else None


def _token(text: str, where: str) -> Token:
    from pycape import Token  # noqa: PLC0415 - `cape --help` does without
    from pycape.errors import TokenInvalid  # noqa: PLC0415

    token = Token(text)
    try:
        token.inspect()
    except TokenInvalid as error:
        raise TokenInvalid(
            f"{where} holds no token: {error}",
            hint=A_TOKEN.hint,
            details=error.details,
        ) from error
    return token
