"""What the sync and the async client have in common: everything that does no I/O."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from . import _core, envelope
from ._buffer import view
from ._checksum import is_checksum
from ._clock import now_ms
from ._config import Config
from ._envelope_text import envelope_as_text
from ._files import read_bytes, write_output
from ._functions import (
    FUNCTION_NAME,
    FUNCTION_NAME_IN_WORDS,
    LONGEST_FUNCTION_NAME,
    FunctionRef,
    to_function_ref,
)
from ._harmless_log import HarmlessFormatter
from ._input_stream import Input, InputStream, is_stream
from ._key_reader import is_meant_as_key, read_public_key
from ._platform import Options, Platform
from ._several import several, several_by_name
from ._strangers import named
from ._timeout import Timeout
from .errors import ConfigError, KeyInvalid
from .keys import PrivateKey, PublicKey, load_private_key
from .tokens import Token, to_token

if TYPE_CHECKING:
    from datetime import datetime

    from .serde import Hooks

Function: TypeAlias = str | os.PathLike[str] | FunctionRef
AnyToken: TypeAlias = str | os.PathLike[str] | Token
Recipient: TypeAlias = str | PublicKey
Pcrs: TypeAlias = Mapping[str, Sequence[str]]

# Spec: docs/spec/envelope.md, header.
MOST_RECIPIENTS = 32

KEMS = ("xwing", "x25519")
DEFAULT_KEM = "xwing"

# Spec: docs/spec/trust.md, token.
DEFAULT_EXPIRY = "30d"

_PRIVATE_KEY_BEGINS = "capesk1"


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
            ValueError: there is no such file.
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

    def _sign_token(self, checksum: str, seconds: int, name: str | None) -> Token:
        return Token(self._platform.account.sign_token(checksum, seconds, name, now_ms()))


def recipients_of(
    username: str | None,
    recipient: Recipient | Sequence[Recipient] | None,
    key: bytes | str | PublicKey | None,
    key_path: str | os.PathLike[str] | None,
) -> list[Recipient] | None:
    """Return the recipients that `encrypt`'s arguments name; None for the client's own account.

    Raises:
        TypeError: an argument is of another type.
        ValueError: more than one argument names some, or none is named in an empty list, or more
            than an envelope has.
        KeyInvalid: the text of a key is none.
        ConfigError: the file of a key cannot be read.
    """
    given = [value for value in (username, recipient, key, key_path) if value is not None]
    if not given:
        return None
    if len(given) > 1:
        raise ValueError("username, recipient, key and key_path exclude each other")
    if key_path is not None:
        data = read_bytes(Path(key_path))
        if data is None:
            raise ConfigError(
                f"there is no key file {os.fspath(key_path)}",
                hint=f"it was looked for in {Path(key_path).absolute().parent}",
            )
        return [read_public_key(data, os.fspath(key_path))]
    if key is not None:
        return [public_key_of(key)]
    if username is not None:
        return [_recipient_of(username)]
    if isinstance(recipient, str | bytes | PublicKey):
        return [_recipient_of(recipient)]
    recipients = [
        _recipient_of(each) for each in several("recipient", recipient or (), MOST_RECIPIENTS)
    ]
    if not recipients:
        raise ValueError("there is no recipient")
    return recipients


def public_key_of(key: bytes | str | PublicKey) -> PublicKey:
    """Return a public key, or read its text, PEM or DER.

    Raises:
        TypeError: it is none of these.
        KeyInvalid: it is no public key's.
    """
    if isinstance(key, PublicKey):
        return key
    if not isinstance(key, bytes | str):
        raise TypeError(f"a key is a PublicKey or its text, not {type(key).__name__}")
    return read_public_key(
        key.encode("utf-8", "replace") if isinstance(key, str) else key, "the key given"
    )


def private_key_of(key: PrivateKey | str | os.PathLike[str]) -> PrivateKey:
    """Return a private key, or read it from the file at a path.

    Raises:
        TypeError: it is neither.
        ValueError: it is a private key's text.
        ConfigError: the file cannot be read, or others can read it.
        KeyInvalid: the file holds no private key.
    """
    if isinstance(key, PrivateKey):
        return key
    if isinstance(key, str) and key.startswith(_PRIVATE_KEY_BEGINS):
        raise ValueError("this is a private key's text, and no path: PrivateKey.from_text reads it")
    return load_private_key(key)


def check_not_the_key(destination: str | os.PathLike[str], key: object) -> None:
    """Raise `ValueError` if a private key was read from the file that is to be written."""
    same = False
    if isinstance(key, str | os.PathLike):
        with suppress(OSError):  # nothing is there, or it is told of when it is written
            same = os.path.samefile(destination, key)  # noqa: PTH121 - names of any type
    if same:
        raise ValueError(f"{key} and {destination} are the same file")


def check_anonymous(recipients: Sequence[Recipient] | None) -> None:
    """Raise `ValueError` unless all recipients are keys, as anonymous ones have to be.

    An enclave finds an account's key by its id, and tries those of a few epochs only. Spec:
    docs/spec/envelope.md, use rules.
    """
    if recipients is None or any(isinstance(each, str) for each in recipients):
        raise ValueError("anonymous recipients are keys: an enclave finds an account's by its id")


def check_format(version: str, recipients: Sequence[Recipient] | None) -> None:
    """Raise `ValueError` for version 1 without an RSA key; accounts have none."""
    if version == "v1" and (
        recipients is None or any(isinstance(each, str) for each in recipients)
    ):
        raise ValueError(
            "version 1 is for one RSA key, and accounts have none: name the key itself"
        )


def encryption_context(
    context: Mapping[str, str] | None,
    functions: Sequence[Function] | None,
    not_after: datetime | None,
) -> dict[str, str]:
    """Return an envelope's context, with the use rules in it.

    Raises:
        ValueError: a function has no checksum, or as `envelope.use_rules`.
    """
    checksums = None
    if functions is not None:
        checksums = [_checksum(each) for each in several("functions", functions)]
    rules = envelope.use_rules(functions=checksums, not_after=not_after)
    return {**several_by_name("context", context), **rules}


def check_kem(kem: str) -> None:
    """Raise `ValueError` for a KEM that there is not."""
    if kem not in KEMS:
        raise ValueError(f"kem is {' or '.join(map(repr, KEMS))}, not {kem!r}")


def only_argument(args: tuple[Input, ...]) -> memoryview | InputStream:
    """Return the one input that a call has.

    Raises:
        TypeError: there is none, or more than one, or it is neither a contiguous buffer nor a file
            nor an iterable.
        Truncated, UnsupportedFormat: as `envelope_as_text`.
    """
    if len(args) != 1:
        raise TypeError(f"a function takes one input of bytes, not {len(args)} arguments")
    if is_stream(args[0]):
        return InputStream(args[0])
    return envelope_as_text(view(args[0]))


def only_text(what: str, value: object) -> str:
    """Return an argument that has to be text.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} is text, not {type(value).__name__}")
    return value


def only_ca_file(ca_file: object) -> str | None:
    """Return the path of a file of authorities, if one is given.

    Raises:
        TypeError: it is no path.
    """
    if ca_file is None:
        return None
    path = os.fspath(ca_file) if isinstance(ca_file, str | os.PathLike) else None
    if not isinstance(path, str):
        raise TypeError(f"ca_file is a path, not {type(ca_file).__name__}")
    return path


def only_account_id(account: object) -> str:
    """Return an argument that has to be an account id.

    Raises:
        TypeError: it is no text.
        KeyInvalid: it is none.
    """
    text = only_text("account", account)
    if not _core.is_account_id(text):
        raise KeyInvalid(
            f"{named(text)} is no account id", hint="it begins with cape1: copy it whole"
        )
    return text


def input_and_reading(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], use_serdio: bool, serde_hooks: Hooks | None
) -> tuple[memoryview | InputStream, Callable[[bytes], Any]]:
    """Return the input of a call that takes typed arguments or bytes, and what reads its output.

    Raises:
        TypeError: as `only_argument`, or `serde.serialize`; or bytes come with named arguments.
        ValueError: as `serde.serialize`, or the hooks are no pair.
    """
    if not use_serdio and serde_hooks is None:
        if kwargs:
            raise TypeError(f"named arguments ({', '.join(kwargs)}) take use_serdio=True")
        return only_argument(args), bytes

    from .serde import bundle_serde_hooks, serialize  # noqa: PLC0415 - few need it
    from .serde._series import deserialize_output  # noqa: PLC0415 - few need it

    encoder, decoder = None, None
    if serde_hooks is not None:
        encoder, decoder = bundle_serde_hooks(serde_hooks).unbundle()
    data = serialize(*args, encoder=encoder, **kwargs)
    return memoryview(data), partial(deserialize_output, decoder=decoder)


def tell_nobody(_progress: object) -> None:
    """Take a report of progress that nobody asked for."""


def kept_key(path: str | os.PathLike[str] | None) -> bytes | None:
    """Return the text of the public key in a file; None when there is no file.

    Raises:
        ConfigError: it cannot be read.
        KeyInvalid: it holds no key.
    """
    data = None if path is None else read_bytes(Path(path))
    if path is None or data is None:
        return None
    return read_public_key(data, os.fspath(path)).to_text().encode()


def keep_key(key: bytes, path: str | os.PathLike[str] | None) -> None:
    """Write the text of a public key to a file, if one is named."""
    if path is not None:
        write_output(Path(path), key)


def check_function_name(name: str | None) -> None:
    """Look at the name that a function is to be deployed under, if one is given.

    Raises:
        TypeError: it is no text.
        ValueError: a function cannot have it.
    """
    if not isinstance(name, str | None):
        raise TypeError(f"a function's name is text, not {type(name).__name__}")
    if name is not None and not re.fullmatch(FUNCTION_NAME, name):
        raise ValueError(f"a function cannot be called {name!r}: {FUNCTION_NAME_IN_WORDS}")


def default_name(folder: str | os.PathLike[str], name: str | None, named: str | None) -> str:
    """Return a deployed function's name: the argument, the folder's settings, the folder's name."""
    stem = Path(folder).resolve().name.removesuffix(".zip").lower()
    derived = re.sub(r"[^a-z0-9]+", "-", stem).lstrip("-0123456789")[:LONGEST_FUNCTION_NAME]
    derived = derived.rstrip("-")
    return name or named or derived or "function"


def _recipient_of(recipient: Recipient) -> Recipient:
    if not isinstance(recipient, str | PublicKey):
        raise TypeError(
            "a recipient is a user name, an account id or a public key, "
            f"not {type(recipient).__name__}"
        )
    if isinstance(recipient, str) and is_meant_as_key(recipient):
        return public_key_of(recipient)
    return recipient


def _checksum(function: Function) -> str:
    if isinstance(function, str) and is_checksum(function):
        return function
    ref = to_function_ref(function)
    if ref.checksum is None:
        raise ValueError(f"{ref!r} has no checksum, and a use rule names code by its checksum")
    return ref.checksum


def _log_to_stderr() -> None:
    """Show what is logged, unless the program sees to that itself."""
    logger = logging.getLogger("pycape")
    logger.setLevel(logging.DEBUG)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(HarmlessFormatter())
        logger.addHandler(handler)
