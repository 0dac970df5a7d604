"""Deploying and making tokens from Python, under the first system's names."""

from __future__ import annotations

import os

from .._client import Cape
from .._client_base import Function
from .._functions import FunctionRef
from ..tokens import Token

__all__ = ["deploy", "token"]


def deploy(
    deploy_path: str | os.PathLike[str], url: str | None = None, public: bool = False
) -> FunctionRef:
    """Deploy a folder, or a zip of one; see `Cape.deploy`.

    Raises:
        ValueError: `public` is true: running a function always takes a token.
    """
    if public:
        raise ValueError("there are no public functions: give a token to whoever may run it")
    with Cape(url) as cape:
        return cape.deploy(deploy_path)


def token(
    function: Function, name: str | None = None, expiry: str | int | None = None
) -> Token:
    """Make a token for a function; see `Cape.create_token`. `expiry` is "30d" or seconds."""
    with Cape() as cape:
        options = {} if expiry is None else {"expires": expiry}
        return cape.create_token(function, name=name, **options)
