"""Tokens: in files, as `cape token create -o` writes them, and in the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pycape.cli._files import display_name, utf_8
from pycape.cli._limits import TOKEN
from pycape.cli._other_files import A_TOKEN, others_told

if TYPE_CHECKING:
    from pycape import Token
    from pycape.cli._context import Context

_VARIABLE = "CAPE_TOKEN"


def read_token(context: Context, name: str) -> Token:
    """Return the token in a file whose issuer's signature holds; `-` is stdin."""
    data = TOKEN.read_some(name)
    with others_told(context, A_TOKEN, name, data):
        return _token(utf_8(TOKEN.checked(data, name), name).strip(), display_name(name))


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
