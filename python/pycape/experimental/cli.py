"""Deploying and making tokens from Python, under the first system's names."""

from __future__ import annotations

import os

from pycape._client import Cape
from pycape._functions import Function, FunctionRef
from pycape.tokens import Token

__all__ = ["deploy", "token"]

_deployed: dict[str, FunctionRef] = {}


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
        ref = cape.deploy(deploy_path)
    _deployed["last"] = ref
    return ref


def token(
    name: str | None = None,
    description: str | None = None,  # noqa: ARG001 - tokens carry a name only
    expiry: str | int | None = None,
    *,
    function: Function | None = None,
) -> Token:
    """Make a token for a function; see `Cape.create_token`.

    Args:
        name: What the token is for.
        description: Taken for the sake of old scripts; not kept.
        expiry: "30d", "300s", or seconds.
        function: The function; the one that `deploy` deployed last by default.

    Raises:
        ValueError: nothing was deployed in this process, and no function is named.
    """
    function = function or _deployed.get("last")
    if function is None:
        raise ValueError("a token is for one function: name it (function=), or deploy it first")
    seconds = f"{expiry}s" if isinstance(expiry, str) and expiry.isdecimal() else expiry
    with Cape() as cape:
        if seconds is None:
            return cape.create_token(function, name=name)
        return cape.create_token(function, name=name, expires=seconds)
