"""What the sync and the async client have in common: everything that does no I/O."""

from __future__ import annotations

import dataclasses
import logging
import os
from typing import Any, Self

from . import _core
from ._clock import now_ms
from ._config import Config
from ._functions import Function, FunctionRef, to_function_ref
from ._harmless_log import HarmlessFormatter
from ._options import Options
from ._platform import Platform
from ._timeout import Timeout
from .errors import ConfigError
from .tokens import AnyToken, Token, to_token


class ClientBase:
    """A client of one platform, as one account."""

    _platform: Platform
    _options: Options

    def __init__(
        self,
        url: str | None,
        verbose: bool,
        *,
        profile: str | None,
        policy: _core.Policy | None,
        trust_roots: _core.TrustRoots | None,
        config_dir: str | os.PathLike[str] | None,
        timeout: Timeout | None,
        max_retries: int,
    ) -> None:
        if not isinstance(policy, _core.Policy | None):
            raise TypeError("policy is a Policy: pycape.policy.load reads a file")
        if not isinstance(trust_roots, _core.TrustRoots | None):
            raise TypeError("trust_roots is a TrustRoots of pycape.attestation")
        config = Config(url=url, profile=profile, config_dir=config_dir)
        self._platform = Platform(config, policy=policy, trust_roots=trust_roots)
        self._options = Options(Timeout() if timeout is None else timeout, max_retries)
        if verbose:
            _log_to_stderr()

    @property
    def account_id(self) -> str:
        """The account id of this client; an account is made when there is none.

        Raises:
            ConfigError: the account's key cannot be used.
        """
        return self._platform.account.id

    def function(self, identifier: Function, *, checksum: str | None = None) -> FunctionRef:
        """Make a reference to a function.

        Args:
            identifier: The function's id, `user/name`, the path of a JSON file that `cape deploy
                -o json` wrote, or a reference.
            checksum: 64 hexadecimal digits that the function must have.

        Raises:
            TypeError: `identifier` is none of these, or `checksum` is no text.
            ValueError: the text is none of these, or `checksum` is none.
            ChecksumMismatch: the function named so has another checksum than `checksum`.
        """
        return to_function_ref(identifier, checksum)

    def token(self, token: AnyToken) -> Token:
        """Make a token of its text, or of the path of a file that holds it.

        Raises:
            TypeError: it is none of these.
            ConfigError: there is no such file, or it cannot be read.
        """
        return to_token(token)

    def with_options(
        self, *, timeout: Timeout | None = None, max_retries: int | None = None
    ) -> Self:
        """Return a copy with other options, which shares everything else.

        Raises:
            TypeError: an option is of another type.
            ValueError: `max_retries` is negative.
        """
        changes: dict[str, Any] = {"timeout": timeout, "max_retries": max_retries}
        changes = {key: value for key, value in changes.items() if value is not None}
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._options = dataclasses.replace(self._options, **changes)
        return copy

    def __repr__(self) -> str:
        config = self._platform.config
        try:
            shown = "without a platform" if config.url.value is None else config.require_url()
        except ConfigError as error:
            shown = f"misconfigured: {error}"
        return f"<{type(self).__name__} {shown}>"

    def _own_account(self) -> str:
        """Return this account's id; without a platform none is made."""
        self._platform.config.require_url()
        self._platform.policy()
        return self.account_id

    def _issue_token(self, manifest: _core.Manifest, seconds: int, name: str | None) -> Token:
        """Sign a token for a function, and remember it."""
        known = self._platform.known_tokens
        account = self._platform.account
        token = Token(account.sign_token(manifest.checksum, seconds, name, now_ms()))
        known.remember(token.inspect(), manifest.name)
        return token


def _log_to_stderr() -> None:
    """Show what is logged, unless the program sees to that itself."""
    logger = logging.getLogger("pycape")
    logger.setLevel(logging.DEBUG)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(HarmlessFormatter())
        logger.addHandler(handler)
