"""What the sync and the async client have in common: everything that does no I/O."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from . import _core, envelope
from ._config import Config
from ._functions import FunctionRef, to_function_ref
from ._platform import Options, Platform
from ._session import now_ms
from ._timeout import Timeout
from .errors import ConfigError
from .keys import PublicKey
from .tokens import Token, seconds_of, to_token

if TYPE_CHECKING:
    from datetime import datetime

Buffer: TypeAlias = Any
Function: TypeAlias = str | os.PathLike[str] | FunctionRef
AnyToken: TypeAlias = str | os.PathLike[str] | Token
Recipient: TypeAlias = str | PublicKey
Pcrs: TypeAlias = Mapping[str, Sequence[str]]

# Spec: docs/spec/trust.md, token.
DEFAULT_EXPIRY = "30d"


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
        config = Config(url=url, profile=profile, config_dir=config_dir)
        self._platform = Platform(config, policy=policy, trust_roots=trust_roots)
        self._options = Options(timeout or Timeout(), max_retries)
        if verbose:
            logging.getLogger("pycape").setLevel(logging.DEBUG)

    @property
    def account_id(self) -> str:
        """The account id of this client; an account is made when there is none."""
        return self._platform.account.id

    def function(self, identifier: Function, *, checksum: str | None = None) -> FunctionRef:
        """Make a reference to a function.

        Args:
            identifier: The function's id, `user/name`, the path of a JSON file that `cape deploy
                -o json` wrote, or a reference.
            checksum: 64 hexadecimal digits that the function must have.

        Raises:
            ValueError: `identifier` is none of these, or contradicts `checksum`.
        """
        return to_function_ref(identifier, checksum)

    def token(self, token: AnyToken) -> Token:
        """Make a token of its text, or of the path of a file that holds it."""
        return to_token(token)

    def with_options(
        self, *, timeout: Timeout | None = None, max_retries: int | None = None
    ) -> Self:
        """Return a copy with other options, which shares everything else."""
        changes: dict[str, Any] = {"timeout": timeout, "max_retries": max_retries}
        changes = {key: value for key, value in changes.items() if value is not None}
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._options = dataclasses.replace(self._options, **changes)
        return copy

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._platform.config.url.value or 'without a platform'}>"

    def _policy(self, ref: FunctionRef | None, pcrs: Pcrs | None) -> _core.Policy:
        return self._platform.policy_of_pcrs(pcrs) or self._platform.policy(ref)

    def _sign_token(self, checksum: str, expires: str | float, name: str | None) -> Token:
        return Token(
            self._platform.account.sign_token(checksum, seconds_of(expires), name, now_ms())
        )


def one_recipient_argument(
    username: str | None,
    recipient: Recipient | Sequence[Recipient] | None,
    key: bytes | str | PublicKey | None,
    key_path: str | os.PathLike[str] | None,
) -> list[Recipient] | None:
    """Return the recipients that `encrypt`'s arguments name; None for the client's own account.

    Raises:
        ValueError: more than one argument names some, or none is named in an empty list.
    """
    given = [value for value in (username, recipient, key, key_path) if value is not None]
    if not given:
        return None
    if len(given) > 1:
        raise ValueError("username, recipient, key and key_path exclude each other")
    if key_path is not None:
        return [_key_of_text(_read_key(Path(key_path)))]
    if key is not None:
        return [key if isinstance(key, PublicKey) else _key_of_text(key)]
    if username is not None:
        return [username]
    recipients = [recipient] if isinstance(recipient, str | PublicKey) else list(recipient or ())
    if not recipients:
        raise ValueError("there is no recipient")
    return [
        PublicKey.from_text(item) if isinstance(item, str) and item.startswith("capepk1") else item
        for item in recipients
    ]


def seal(
    data: Buffer,
    recipients: Sequence[PublicKey],
    *,
    functions: Sequence[Function] | None,
    not_after: datetime | None,
    context: Mapping[str, str] | None,
) -> bytes:
    """Seal for `recipients`, with use rules in the encryption context."""
    refuse_text(data)
    rules = envelope.use_rules(
        functions=None if functions is None else [_checksum(item) for item in functions],
        not_after=not_after,
    )
    return envelope.seal(data, recipients, context={**(context or {}), **rules})


def refuse_text(data: object) -> None:
    """Raise `TypeError` for text where bytes are wanted."""
    if isinstance(data, str):
        raise TypeError("bytes are wanted, not str: encode the text, for example .encode()")


def view(data: Buffer) -> memoryview:
    """Return any contiguous buffer as bytes, without a copy."""
    refuse_text(data)
    try:
        return memoryview(data).cast("B")
    except TypeError as error:
        raise TypeError(f"a contiguous buffer of bytes is wanted: {error}") from error


def only_argument(args: tuple[Buffer, ...]) -> memoryview:
    """Return the one input that a call has.

    Raises:
        TypeError: there is none, or more than one, or it is no contiguous buffer.
    """
    if len(args) != 1:
        raise TypeError(f"a function takes one input of bytes, not {len(args)} arguments")
    return view(args[0])


def refuse_serdio(use_serdio: bool, serde_hooks: Any) -> None:
    """Raise `ValueError` for the first system's typed arguments, which are not there yet."""
    if use_serdio or serde_hooks is not None:
        raise ValueError("use_serdio and serde_hooks are not supported in this release")


def tell_nobody(_progress: object) -> None:
    """Take a report of progress that nobody asked for."""


def key_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a public key's file."""
    return Path(path).expanduser()


def default_name(folder: str | os.PathLike[str], name: str | None, named: str | None) -> str:
    """Return a deployed function's name: the argument, the folder's settings, the folder's name."""
    if chosen := name or named:
        return chosen
    stem = Path(folder).resolve().name.removesuffix(".zip").lower()
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "function"


def _checksum(function: Function) -> str:
    ref = to_function_ref(function) if not _is_checksum(function) else None
    if ref is None:
        return str(function)
    if ref.checksum is None:
        raise ValueError(f"{ref!r} has no checksum, and a use rule names code by it")
    return ref.checksum


def _is_checksum(function: Function) -> bool:
    return isinstance(function, str) and re.fullmatch("[0-9a-f]{64}", function) is not None


def _key_of_text(text: bytes | str) -> PublicKey:
    return PublicKey.from_text((text.decode("ascii") if isinstance(text, bytes) else text).strip())


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"key file {path} cannot be read: {error}") from error
